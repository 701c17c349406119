"""After the release: captured requests, their outcomes, drift, and whether to retrain."""
