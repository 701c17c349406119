"""Problems that are one table: its description, and every part of a problem derived from it."""
