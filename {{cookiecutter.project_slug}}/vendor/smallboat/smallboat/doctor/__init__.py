"""`make doctor`: what is installed, missing and ignored, for which command, and what to do.

`__main__` starts before there is a `.venv`, by any Python from 3.6 on: it and what it imports need
the standard library only, and quote their annotations. What needs the project's packages is in
`project`, which the Python of `.venv` runs.
"""
