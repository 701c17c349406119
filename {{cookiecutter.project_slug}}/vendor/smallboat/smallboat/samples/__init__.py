"""Made-up data to begin with."""
