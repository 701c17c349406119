"""Sends runs to Comet, MLflow or Weights & Biases."""
