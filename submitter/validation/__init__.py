"""Every pending payload against the JSON Schema, before the network."""
