"""AWS on loopback: moto, what it lacks, and real processes for endpoints and functions.

`python -m smallboat.emulator --problem PACKAGE --port P --folder F`, from the project's folder.
"""
