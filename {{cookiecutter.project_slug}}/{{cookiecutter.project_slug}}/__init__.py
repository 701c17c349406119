"""The project; light to import, for every task of a flow imports it."""

METAFLOW_PACKAGE_POLICY = "include"
