"""What a database administrator runs once: the adoption of an earlier state table, and the grants."""
