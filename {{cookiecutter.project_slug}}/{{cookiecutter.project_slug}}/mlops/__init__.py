"""The machinery, the same in every project."""
