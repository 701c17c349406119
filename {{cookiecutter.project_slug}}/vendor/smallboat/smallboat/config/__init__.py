"""The settings of an environment, table by table."""
