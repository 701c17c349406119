"""A snapshot becomes a feature table that training may trust."""
