"""The machinery of small machine learning projects, from raw tables to an endpoint."""

import os

__version__ = "0.4.0"

METAFLOW_PACKAGE_POLICY = "include"
# Else onnxruntime, from 1.29 on, reports each session to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
