"""What a request looks like: what a visitor did so far, as a JSON schema."""

from typing import Any

Request = dict[str, Any]

ACTIONS = ("view", "detail", "add", "remove", "search", "purchase")
MOST_EVENTS = 400
"""The longest session of the published data has 397."""

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "A visit so far",
    "description": "what one visitor did, from the start of the session on; at least one product "
    "was put into the cart, and nothing bought before that",
    "type": "object",
    "additionalProperties": False,
    "required": ["events"],
    "properties": {
        "session": {
            "type": "string",
            "maxLength": 128,
            "description": "names the visit for monitoring; the model does not look at it",
        },
        "events": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_EVENTS,
            "description": "in any order; what follows a purchase is not looked at",
            "items": {
                "title": "An event",
                "type": "object",
                "additionalProperties": False,
                "required": ["action", "time"],
                "properties": {
                    "action": {
                        "enum": list(ACTIONS),
                        "description": "view: a page; detail: a product's page; add: into the "
                        "cart; remove: out of the cart; search; purchase",
                    },
                    "time": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 2**53 - 1,
                        "description": "milliseconds since 1970-01-01, UTC",
                    },
                    "sku": {
                        "type": ["string", "null"],
                        "minLength": 1,
                        "maxLength": 128,
                        "description": "the product, as the catalogue names it; a new one is "
                        "allowed; null or left out where there is none",
                    },
                    "clicks": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 1000,
                        "description": "of a search: how many of its results were clicked",
                    },
                    "page": {
                        "type": ["string", "null"],
                        "maxLength": 64,
                        "description": "of a view: the type of its page: checkout, cart, search, "
                        "category; any other word counts as other",
                    },
                },
            },
        },
    },
}
KNOWN: dict[str, Any] = {
    "type": "object",
    "required": ["session"],
    "properties": {
        "session": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "the name of an example session, as the page lists them",
        }
    },
}
"""The question that `known` answers."""
