"""Starts the model server."""

from .server import main

main()
