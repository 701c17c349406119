"""A package, so that `python -m smallboat.emulator` finds it before a library's `tests`."""
