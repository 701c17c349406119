"""`make describe`: a table of your own as `config/problem.toml`, which you correct."""
