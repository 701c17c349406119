"""What a request looks like: a race and its grid, as a JSON schema."""

from typing import Any

Request = dict[str, Any]

_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "A race and its grid",
    "type": "object",
    "additionalProperties": False,
    "required": ["season", "round", "circuit", "grid"],
    "properties": {
        "season": {"type": "integer", "minimum": 1950, "maximum": 2100},
        "round": {"type": "integer", "minimum": 1, "maximum": 60},
        "circuit": {**_NAME, "description": "reference name or id; a new one is allowed"},
        "grid": {
            "type": "array",
            "minItems": 1,
            "maxItems": 60,
            "description": "the cars that start, in any order",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["driver", "constructor", "grid"],
                "properties": {
                    "driver": {**_NAME, "description": "reference name or id"},
                    "constructor": {**_NAME, "description": "reference name or id"},
                    "grid": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 60,
                        "description": "start place; 0 = pit lane",
                    },
                    "qualifying_position": {"type": "integer", "minimum": 1, "maximum": 60},
                    "gap_to_pole": {
                        "type": "number",
                        "minimum": 0,
                        "maximum": 1000,
                        "description": "best qualifying lap behind the fastest of all, in seconds",
                    },
                },
            },
        },
    },
}
KNOWN: dict[str, Any] = {
    "type": "object",
    "required": ["season", "round"],
    "properties": {name: SCHEMA["properties"][name] for name in ("season", "round")},
}
"""The question that `known` answers."""
