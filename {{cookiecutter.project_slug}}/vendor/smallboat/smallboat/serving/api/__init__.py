"""The API in front of the model, and the frame of its page."""
