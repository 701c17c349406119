"""A toy problem: how many minutes a parcel takes from its depot. Trained in seconds, for tests."""

METAFLOW_PACKAGE_POLICY = "include"
