"""How good a model is, which one wins, and whether it beats the champion."""
