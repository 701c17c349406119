"""The model server: SageMaker's container contract."""
