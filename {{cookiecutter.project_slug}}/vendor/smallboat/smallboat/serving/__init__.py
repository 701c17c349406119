"""The model server and the API, as processes of this machine."""
