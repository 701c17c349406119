"""Public logs of shops: the formats that they have, as the SQL of three tables."""
