"""A toy problem, for tests of the machinery."""
