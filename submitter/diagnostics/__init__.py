"""Looks at each thing that a night needs, one line each: the database, the SSD, the way to the receiver."""
