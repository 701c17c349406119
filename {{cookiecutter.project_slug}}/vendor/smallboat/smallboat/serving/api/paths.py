"""The API's paths by who may ask them."""

PREDICT = "/predict"
FACTS = ("/model", "/model/card", "/openapi.json", "/page.json", "/releases")
"""What tells about the model; `private_facts` requires credentials for them, too."""
PUBLIC = frozenset({"/", "/health", "/static/<path:filename>"})
"""What never requires credentials. All else is private with `private_facts`."""
