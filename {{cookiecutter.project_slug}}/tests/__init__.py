"""A package, so that `python -m tests.aws.emulator` finds it before a library's `tests`."""
