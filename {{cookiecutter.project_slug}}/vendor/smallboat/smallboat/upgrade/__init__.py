"""Newer versions in a project: of the library, and of the packages; or all stays as it was."""
