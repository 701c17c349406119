"""Candidates are searched, judged and refitted, by a Metaflow flow."""
