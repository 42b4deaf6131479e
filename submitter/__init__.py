"""Delivers what the dbt models say is pending, and writes down what came of it."""

__version__ = "0.1.0"
