"""How good a model is, which candidate wins, and whether it is worse than the champion."""
