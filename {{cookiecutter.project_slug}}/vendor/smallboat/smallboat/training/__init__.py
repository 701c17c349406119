"""Candidates are searched, evaluated and refitted, by a Metaflow flow."""
