"""GitHub Actions: what the workflows ask for, and who is told how a command ended."""
