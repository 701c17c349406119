"""After the release: captured requests, and what they say of the model."""
