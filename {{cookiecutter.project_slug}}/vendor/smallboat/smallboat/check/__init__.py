"""Does the problem keep the contract? `smallboat check` calls its parts on real rows."""
