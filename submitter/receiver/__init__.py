"""A stand-in for the receiving API: for the demo, the tests and for training. It knows the rules, not the delivery."""
