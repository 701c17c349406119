"""Runs are told to Comet."""
