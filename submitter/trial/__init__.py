"""Fills SSD tables in DuckDB from returns that an authority already has, or with invented children."""
