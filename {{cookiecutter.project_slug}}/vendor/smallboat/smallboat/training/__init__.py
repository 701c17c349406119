"""Searches, evaluates and refits candidates, in a Metaflow flow."""
