"""Where releases are served."""
