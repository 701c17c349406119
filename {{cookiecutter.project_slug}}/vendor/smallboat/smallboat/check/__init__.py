"""Does the problem keep its contract? `smallboat check` runs it on the data."""
