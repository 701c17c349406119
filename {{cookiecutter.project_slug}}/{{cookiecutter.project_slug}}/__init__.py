"""The project; light to import, for every task of a flow imports it."""

import os

METAFLOW_PACKAGE_POLICY = "include"
# Else onnxruntime, from 1.29 on, reports each session to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
