"""Looks into the state: what would be sent for a child, and why."""
