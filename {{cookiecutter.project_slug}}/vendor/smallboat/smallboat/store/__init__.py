"""Snapshots, runs and bundles, in a folder or on S3."""
