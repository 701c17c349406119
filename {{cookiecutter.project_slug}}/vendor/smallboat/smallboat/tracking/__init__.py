"""Sends runs to Comet."""
