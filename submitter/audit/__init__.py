"""What waits, what went out and when, what was rejected; and how the rejected are put back."""
