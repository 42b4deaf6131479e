"""Writes the dbt project as one T-SQL file, for authorities where the DBA runs scripts and not dbt."""
