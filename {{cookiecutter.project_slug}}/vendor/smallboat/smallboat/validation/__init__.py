"""Checks the tables and features of a snapshot, and measures their drift."""
