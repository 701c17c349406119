"""A run gets to where an environment serves, and back."""
