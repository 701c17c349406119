"""The Jolpica API page by page: its objects (races, results, standings) by round."""

import datetime as dt
from contextlib import suppress
from itertools import chain
from typing import Any

from smallboat.errors import UserError
from smallboat.json_api import KEPT, JsonApi

from . import jolpica_tables

Rounds = dict[int, list[dict[str, Any]]]

PAGE = 100
"""Rows a page, the most that the API gives."""

MOST_ROWS = 10_000
"""More than a season has of anything."""

LAYOUT = {
    "races": ("RaceTable", "Races", None),
    "results": ("RaceTable", "Races", "Results"),
    "qualifying": ("RaceTable", "Races", "QualifyingResults"),
    "sprint": ("RaceTable", "Races", "SprintResults"),
    "driverstandings": ("StandingsTable", "StandingsLists", "DriverStandings"),
    "constructorstandings": ("StandingsTable", "StandingsLists", "ConstructorStandings"),
}
"""Where the objects lie in an answer; where the third name is missing, the race is the object."""

MAY_BE_EMPTY = ("qualifying", "sprint")
"""Kinds of which a season may have none; of others an answer without objects is not kept."""


class Pages:
    """What the API has at a path such as "2023/results", whatever number of pages it fills."""

    def __init__(self, api: JsonApi, today: dt.date) -> None:
        """Take the API, and the day that its answers are of."""
        self.api, self.today = api, today

    def rows(self, path: str, since: dt.date) -> Rounds:
        """All objects of a path.

        Args:
            path: Season, round if there is one, and kind (a key of `LAYOUT`).
            since: An answer that was given on this day or later is not asked for again.

        Raises:
            UserError: The API can't be reached, throttles without end, or answers in another shape.
        """
        found: Rounds = {}
        offset, total, count = 0, 1, 0
        while offset < total:
            total, step, objects = self._page(path, offset, since)
            for round_, item in objects:
                found.setdefault(round_, []).append(item)
            offset, count = offset + step, count + len(objects)
            if not objects:
                break
        if count != total:
            self.api.forget(f"{path}-*")
            raise UserError(f"{self.api.url}/{path}.json gave {count} of {total} rows. {KEPT}")
        return found

    def kept(self, path: str) -> Rounds:
        """The objects of the answers that are kept, however old they are."""
        found: Rounds = {}
        offset = 0
        while (kept := self.api.kept(f"{path}-{offset}")) is not None:
            with suppress(UserError):
                for round_, item in self._objects(path, kept[0])[2]:
                    found.setdefault(round_, []).append(item)
            offset += PAGE
        return found

    def _page(self, path: str, offset: int, since: dt.date) -> Any:
        name = f"{path}-{offset}"
        kept = self.api.kept(name)
        if kept and since <= kept[1] <= self.today:
            with suppress(UserError):
                return self._objects(path, kept[0])
        answer = self.api.ask(f"{path}.json", {"limit": PAGE, "offset": offset})
        page = self._objects(path, answer)
        if page[2] or path.endswith(MAY_BE_EMPTY):
            self.api.keep(name, answer, self.today)
        return page

    def _objects(self, path: str, answer: Any) -> tuple[int, int, list[tuple[int, Any]]]:
        """Total, step to the next page, and the objects with their rounds."""
        season, kind = path.split("/")[0], path.rpartition("/")[2]
        table, races, name = LAYOUT[kind]
        origin = f"{self.api.url}/{path}.json"
        wrong = "a part of it has another type"
        try:
            data = answer["MRData"]
            groups = [(int(g["round"]), g if name is None else g[name]) for g in data[table][races]]
            objects = [
                (n, item) for n, group in groups for item in ([group] if name is None else group)
            ]
            records = [jolpica_tables.records(kind, int(season), n, o) for n, o in objects]
            jolpica_tables.typed(chain.from_iterable(records), origin)
            total = int(data["total"])
            if total > MOST_ROWS:
                raise jolpica_tables.ShapeError(f"a total of {total} rows")
            return total, max(1, int(data["limit"])), objects
        except KeyError as error:
            wrong = f"{error} is missing"
        except jolpica_tables.ShapeError as error:
            wrong = str(error)
        except (AttributeError, TypeError, ValueError, OverflowError):
            pass
        raise UserError(
            f"{origin} answered JSON of another shape: {wrong}; it must be that of the Jolpica API."
        )
