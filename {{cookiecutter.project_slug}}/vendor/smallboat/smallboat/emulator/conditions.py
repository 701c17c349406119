"""Conditions of resources when a stack is updated: moto knows them when it is created only."""

from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap

Json = dict[str, Any]


def install() -> None:
    """Add it to moto."""
    parsing.parse_and_update_resource = _existing(parsing.parse_and_update_resource)
    ResourceMap.update = _made_and_deleted(ResourceMap.update)  # type: ignore[method-assign]


def _existing(update: Any) -> Any:
    """Change only what exists and has a condition that holds."""

    def updated(name: str, resource: Json, resources: Any, **more: Any) -> Any:
        made = resources._parsed_resources
        if not _holds(resources, resource):
            return made.get(name)
        if made.get(name) is None:
            made.pop(name, None)
            return resources[name]
        return update(name, resource, resources, **more) or made[name]  # moto may not change it

    return updated


def _made_and_deleted(update: Any) -> Any:
    """Make what has a condition that now holds, and delete what has one that does not any more."""

    def updated(self: Any, template: Json, parameters: Json | None = None) -> None:
        update(self, template, parameters)
        made = self._parsed_resources
        for name, resource in template["Resources"].items():
            if made.get(name) is None:
                made.pop(name, None)
                _ = self[name]  # makes it, unless its condition does not hold
            elif not _holds(self, resource):
                self._delete_resource(made.pop(name), resource)

    return updated


def _holds(resources: Any, resource: Json) -> bool:
    condition = resource.get("Condition")
    return not condition or bool(resources.lazy_condition_map[condition])
