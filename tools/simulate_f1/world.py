"""The circuits, teams and drivers of an invented championship."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from simulate_f1.names import CIRCUITS, CONSTRUCTORS, DRIVERS
from simulate_f1.tables import STATUSES, Tables

SEASONS = range(2016, 2026)

# In units of pace, like every skill. Together with the noise of a race they are set so that
# "finish = grid" is about as good as on real seasons (MAE 3.5 places, Spearman .62) and a ridge
# on form is a tenth better.
GRID_EFFECT = {"high": 0.16, "medium": 0.09, "low": 0.04}
BUDGET_SPREAD = 1.00
SKILL_SPREAD = 0.55
RACECRAFT_SPREAD = 0.38


@dataclass
class Circuit:
    """A track: how much the grid counts there, its length in laps and in seconds a lap."""

    number: int
    ref: str
    name: str
    place: str
    country: str
    grid_effect: float
    laps: int
    seconds: int
    power: float


@dataclass
class Driver:
    """A driver: skill in units of the spread of the cars' pace, higher is faster."""

    number: int
    nationality: str
    forename: str
    surname: str
    code: str
    born: date
    peak: float
    racecraft: float
    crashes: float
    affinity: dict[int, float]
    skill: float = 0.0
    raced: bool = False


@dataclass
class Constructor:
    """A team: the pace of its car, its strength on fast tracks, the risk that it breaks down."""

    number: int
    ref: str
    name: str
    nationality: str
    first: int
    last: int
    budget: float
    pace: float = 0.0
    power: float = 0.0
    breakdowns: float = 0.0
    drivers: list[Driver] = field(default_factory=list)


class World:
    """Whoever and whatever may ever race; `tables` fills while the seasons run."""

    def __init__(self, seed: int) -> None:
        # RandomState's streams are frozen by numpy's policy, those of default_rng are not.
        self.random = np.random.RandomState(seed)
        self.tables = Tables()
        self.circuits = [self._circuit(i, line) for i, line in enumerate(CIRCUITS, 1)]
        self.constructors = [self._constructor(i, line) for i, line in enumerate(CONSTRUCTORS, 1)]
        self.reserves = self._drivers()
        self.drivers = sorted(self.reserves, key=lambda driver: driver.number)

    def _circuit(self, number: int, line: list[str]) -> Circuit:
        ref, name, place, country, grid, laps, seconds = line
        rest = (GRID_EFFECT[grid], int(laps), int(seconds), self.random.normal())
        return Circuit(number, ref, name, place, country, *rest)

    def _constructor(self, number: int, line: list[str]) -> Constructor:
        ref, name, nationality, first, last = line
        budget = self.random.normal(0, BUDGET_SPREAD)
        return Constructor(number, ref, name, nationality, int(first), int(last), budget)

    def _drivers(self) -> list[Driver]:
        """In an order of arrival drawn at random."""
        people = [
            (nationality, forename, surname)
            for nationality, forenames, surnames in DRIVERS
            for forename, surname in zip(forenames.split(), surnames.split(), strict=True)
        ]
        drivers: list[Driver] = []
        arrivals = sorted(enumerate(people, 1), key=lambda _: self.random.random_sample())
        for number, person in arrivals:
            driver = Driver(
                number,
                *person,
                code=new_code(person[-1], {driver.code for driver in drivers}),
                born=self._birthday(len(drivers)),
                peak=self.random.normal(0, SKILL_SPREAD),
                racecraft=self.random.normal(0, RACECRAFT_SPREAD),
                crashes=self.random.uniform(0.03, 0.08),
                affinity={c.number: self.random.normal(0, 0.16) for c in self.circuits},
            )
            drivers.append(driver)
        return drivers

    def _birthday(self, arrival: int) -> date:
        """Newcomers are about twenty; of the first field every other one is older."""
        debut = SEASONS.start + max(0, arrival - 21) // 3
        age = 19 + self.random.randint(0, 5) + (7 * (arrival % 2) if arrival < 22 else 0)
        return date(debut - age, 1, 1) + timedelta(days=self.random.randint(0, 365))

    def describe(self) -> None:
        """Fill the tables of what the races were about."""
        add = self.tables.add
        used = {row["circuitId"] for row in self.tables.rows["races"]}
        for c in (c for c in self.circuits if c.number in used):
            place = {"location": c.place, "country": c.country}
            add("circuits", circuitId=c.number, circuitRef=c.ref, name=c.name, **place)
        for team in self.constructors:
            origin = {"name": team.name, "nationality": team.nationality}
            add("constructors", constructorRef=team.ref, **origin)
        for d in (d for d in self.drivers if d.raced):
            add(
                "drivers",
                driverId=d.number,
                driverRef=d.surname.lower().replace("-", "_"),
                code=d.code,
                forename=d.forename,
                surname=d.surname,
                dob=d.born,
                nationality=d.nationality,
            )
        for status in STATUSES:
            add("status", status=status)
        for year in SEASONS:
            add("seasons", year=year)


def new_code(surname: str, taken: set[str]) -> str:
    """Three letters as on a timing screen."""
    codes = ((surname[:2] + letter).upper() for letter in surname[2:])
    return next(code for code in codes if code not in taken)
