"""Write made-up Formula-1-like seasons as CSV tables in the Ergast layout.

python simulate_f1.py FOLDER [--seed 1950]

Every person, team, circuit and race is invented. The same seed gives the same bytes.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEASONS = range(2016, 2026)
ROUNDS = 16
ROUNDS_RUN_IN_NEWEST = 10
NULL = r"\N"
POINTS = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)
SPRINT_POINTS = (8, 7, 6, 5, 4, 3, 2, 1)
SPRINTS = {2022: (4, 9, 14), 2023: (3, 9, 14), 2024: (3, 8, 13), 2025: (3, 8, 14)}
HALF_POINTS = (2021, 12)
NEW_REGULATIONS = (2017, 2022)

# In units of pace, like every skill below. They are set so that "finish = grid" is about as good
# as on real seasons (MAE 3.5 places, Spearman .62) and a ridge on form is a tenth better.
GRID_EFFECT = {"high": 0.16, "medium": 0.09, "low": 0.04}
QUALIFYING_NOISE = 1.00
RACE_NOISE = 0.65
SETUP_NOISE = 0.15
BUDGET_SPREAD = 1.00
SKILL_SPREAD = 0.55
RACECRAFT_SPREAD = 0.38

# reference, name, place, country, how much the grid counts, laps, seconds a lap
CIRCUITS = """
ardenvale|Ardenvale Park|Ardenvale|UK|medium|52|88
bellacosta|Autodromo di Bellacosta|Bellacosta|Italy|low|54|82
brunnhof|Brunnhof Ring|Brunnhof|Germany|low|60|76
clairmont|Circuit de Clairmont-sur-Lys|Clairmont-sur-Lys|France|medium|53|93
coralbank|Coralbank Street Circuit|Coralbank|Australia|high|58|86
dunmere|Dunmere Raceway|Dunmere|Canada|low|68|74
esteroja|Circuito de Esteroja|Esteroja|Spain|high|66|79
fukahama|Fukahama Circuit|Fukahama|Japan|medium|53|91
kestrelridge|Kestrel Ridge Speedway|Kestrel Ridge|USA|low|56|96
lagunaverdosa|Autódromo Laguna Verdosa|Laguna Verdosa|Mexico|medium|71|78
meerdam|Circuit Meerdam|Meerdam|Netherlands|high|72|72
ostermoor|Ostermoor Ring|Ostermoor|Austria|low|70|67
pedraluz|Autódromo de Pedraluz|Pedraluz|Brazil|low|69|71
portofaro|Porto Faro Harbour Circuit|Porto Faro|Portugal|high|64|80
rochebrune|Circuit de Rochebrune|Rochebrune|Belgium|low|44|106
saltmarsh|Saltmarsh Road Course|Saltmarsh|UK|medium|55|85
tavolara|Tavolara Island Circuit|Tavolara|Italy|high|61|83
wattleford|Wattleford Circuit|Wattleford|Australia|medium|57|89
"""
# reference, name, nationality, first season, last season
CONSTRUCTORS = """
alderwick|Alderwick|British|2016|2025
brightwater|Brightwater|British|2016|2025
corvanti|Corvanti|Italian|2016|2025
falkenrode|Falkenrode|German|2016|2025
halvorsen|Halvorsen Dynamics|American|2016|2025
lumiere|Lumière Course|French|2016|2025
meridia|Meridia|Italian|2016|2025
norland|Norland Racing|British|2016|2017
sakuragi|Sakuragi Works|Japanese|2016|2025
stonebridge|Stonebridge|British|2016|2022
tarrant|Tarrant Vale|British|2016|2025
zephyrine|Zephyrine|French|2023|2025
"""
FORENAMES = {
    "American": "Casey Dalton Wyatt",
    "Australian": "Angus Lachie Rowan",
    "Austrian": "Korbinian Leopold",
    "Belgian": "Quentin Wout",
    "Brazilian": "Caio Davi Heitor",
    "British": "Alfie Barnaby Callum Edmund Freddie Jasper Rufus",
    "Canadian": "Beckett Tristan",
    "Danish": "Anker Villads",
    "Dutch": "Daan Jurre Sjoerd",
    "Finnish": "Eetu Onni",
    "French": "Anatole Basile Gaspard Maxence",
    "German": "Bastian Jannik Lennart Thilo",
    "Italian": "Ettore Gualtiero Manlio Tazio",
    "Japanese": "Haruto Kaito Sota",
    "Mexican": "Emiliano Joaquin",
    "Spanish": "Gonzalo Iker Unai",
}
SURNAMES = {
    "American": "Brackenridge Holloman Tillery",
    "Australian": "Cobbledick Marrabel Wyndgate",
    "Austrian": "Hochrainer Steinlechner",
    "Belgian": "Delvaulx Ooststraete",
    "Brazilian": "Arantesco Figueirol Montalvane",
    "British": "Ashdowner Birkenthwaite Coldbrook Fenwright Larkhill Pemberleigh Thornaby",
    "Canadian": "Dufresnoy Macallan-Roy",
    "Danish": "Kragsholm Vindelev",
    "Dutch": "Ijsselmonde Terhaven Zwaluwberg",
    "Finnish": "Koivurinta Rautalampi",
    "French": "Aubrecourt Gervaisin Montferval Rocquelaine",
    "German": "Drostenfeld Eichenlaub Grunwaldt Wetterstein",
    "Italian": "Bellacorte Guarnacci Pontesanto Valdambra",
    "Japanese": "Asahikawa Hoshigaki Mizunoe",
    "Mexican": "Quintaluna Villaseca",
    "Spanish": "Escalera-Rey Navaspina Oroverde",
}
STATUSES = (
    *("Finished", "Disqualified", "+1 Lap", "+2 Laps", "+3 Laps", "Engine", "Gearbox"),
    *("Hydraulics", "Brakes", "Suspension", "Electrical", "Collision", "Accident", "Spun off"),
    *("Puncture", "Withdrew"),
)
STATUS_ID = {status: number for number, status in enumerate(STATUSES, 1)}
MECHANICAL = ("Engine", "Gearbox", "Hydraulics", "Brakes", "Suspension", "Electrical")
HUMAN = ("Collision", "Accident", "Spun off", "Puncture")

Row = list[object]


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
    forename: str
    surname: str
    code: str
    nationality: str
    born: date
    peak: float
    racecraft: float
    crashes: float
    affinity: dict[int, float]
    skill: float = 0.0
    pace: float = 0.0

    def ref(self) -> str:
        """The name in lower-case ASCII."""
        return self.surname.lower().replace("-", "_")


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


@dataclass
class Standing:
    """A season's points, and how often each position was reached (decides ties)."""

    points: float = 0.0
    places: list[int] = field(default_factory=lambda: [0] * 30)

    def order(self) -> tuple[float, list[int]]:
        """A key that sorts the leader last."""
        return (self.points, self.places)


def read_list(text: str) -> list[list[str]]:
    """The fields of each line."""
    return [line.split("|") for line in text.strip().splitlines()]


def number(value: float) -> str:
    """Points as Ergast writes them: no decimals where there are none."""
    return f"{value:g}"


def lap_time(seconds: float) -> str:
    """A lap as m:ss.mmm."""
    millis = round(seconds * 1000)
    return f"{millis // 60000}:{millis % 60000 / 1000:06.3f}"


class World:
    """The invented championship; `tables` fills while the seasons run."""

    def __init__(self, seed: int) -> None:
        """Invent the circuits, teams and drivers."""
        # RandomState's streams are frozen by numpy's policy, those of default_rng are not.
        self.random = np.random.RandomState(seed)
        self.tables: dict[str, list[Row]] = defaultdict(list)
        self.circuits = [self._circuit(i, line) for i, line in enumerate(read_list(CIRCUITS), 1)]
        self.constructors = [
            self._constructor(i, line) for i, line in enumerate(read_list(CONSTRUCTORS), 1)
        ]
        self.reserves = self._drivers()
        self.raced: set[int] = set()
        self.drivers = sorted(self.reserves, key=lambda driver: driver.number)

    def _circuit(self, number: int, line: list[str]) -> Circuit:
        ref, name, place, country, effect, laps, seconds = line
        return Circuit(
            number, ref, name, place, country, GRID_EFFECT[effect], int(laps), int(seconds),
            power=float(self.random.normal()),
        )  # fmt: skip

    def _constructor(self, number: int, line: list[str]) -> Constructor:
        ref, name, nationality, first, last = line
        budget = float(self.random.normal(0, BUDGET_SPREAD))
        return Constructor(number, ref, name, nationality, int(first), int(last), budget)

    def _drivers(self) -> list[Driver]:
        """Everybody who may ever race, in an order of arrival drawn at random."""
        names = [
            (forename, surname, nationality)
            for nationality in FORENAMES
            for forename, surname in zip(
                FORENAMES[nationality].split(), SURNAMES[nationality].split(), strict=True
            )
        ]
        codes: set[str] = set()
        drivers = []
        for arrival, index in enumerate(np.argsort(self.random.random_sample(len(names)))):
            forename, surname, nationality = names[index]
            tails = (surname[i : i + 1].upper() for i in range(2, len(surname)))
            code = next(c for t in tails if (c := surname[:2].upper() + t) not in codes)
            codes.add(code)
            debut = SEASONS.start + max(0, arrival - 21) // 3
            age = 19 + int(self.random.randint(0, 5)) + (arrival < 22) * int(arrival * 7 % 14)
            drivers.append(
                Driver(
                    number=int(index) + 1,
                    forename=forename,
                    surname=surname,
                    code=code,
                    nationality=nationality,
                    born=date(debut - age, 1, 1) + timedelta(days=int(self.random.randint(0, 365))),
                    peak=float(self.random.normal(0, SKILL_SPREAD)),
                    racecraft=float(self.random.normal(0, RACECRAFT_SPREAD)),
                    crashes=float(self.random.uniform(0.03, 0.08)),
                    affinity={c.number: float(self.random.normal(0, 0.16)) for c in self.circuits},
                )
            )
        return drivers

    def run(self) -> None:
        """Run every season and write the tables of what they were about."""
        for year in SEASONS:
            Season(self, year).run()
            self.tables["seasons"].append([year, NULL])
        used = {row[3] for row in self.tables["races"]}
        self.tables["circuits"] = [
            [c.number, c.ref, c.name, c.place, c.country, NULL, NULL, NULL, NULL]
            for c in self.circuits
            if c.number in used
        ]
        self.tables["constructors"] = [
            [c.number, c.ref, c.name, c.nationality, NULL] for c in self.constructors
        ]
        self.tables["drivers"] = [
            [d.number, d.ref(), NULL, d.code, d.forename, d.surname, d.born, d.nationality, NULL]
            for d in self.drivers
            if d.number in self.raced
        ]
        self.tables["status"] = [[i, status] for status, i in STATUS_ID.items()]

    def add(self, table: str, *values: object) -> None:
        """Append a row with the next number as its key."""
        rows = self.tables[table]
        rows.append([len(rows) + 1, *values])


class Season:
    """One year: who drives what, how fast the cars are, and its races."""

    def __init__(self, world: World, year: int) -> None:
        """Build the cars and give each its driver."""
        self.world = world
        self.random = world.random
        self.year = year
        self.teams = [c for c in world.constructors if c.first <= year <= c.last]
        self.drivers = defaultdict[int, Standing](Standing)
        self.constructors = defaultdict[int, Standing](Standing)
        self._build_cars()
        self._fill_seats()

    def _build_cars(self) -> None:
        """Pace regresses towards the budget; new rules shake the order up."""
        keep, spread = (0.25, 0.75) if self.year in NEW_REGULATIONS else (0.65, 0.42)
        for team in self.teams:
            if self.year == team.first:
                team.pace = team.budget + float(self.random.normal(0, 0.4))
            new = keep * team.pace + (1 - keep) * team.budget
            team.pace = new + float(self.random.normal(0, spread))
            team.power = float(self.random.normal(0, 0.22))
            team.breakdowns = float(self.random.uniform(0.03, 0.11))

    def _fill_seats(self) -> None:
        """Some leave, the best free drivers get the best free seats, rookies take the rest."""
        for team in self.world.constructors:
            stay = [d for d in team.drivers if team in self.teams and not self._leaves(d)]
            free = [d for d in team.drivers if d not in stay and not self._retires(d)]
            self.world.reserves.extend(free)
            team.drivers = stay
        market = [d for d in self.world.reserves if d.number in self.world.raced]
        rookies = [d for d in self.world.reserves if d.number not in self.world.raced]
        seats = sum(2 - len(team.drivers) for team in self.teams)
        market = sorted(market, key=lambda d: -d.skill)[: max(0, seats - 1)]
        hired = market + rookies[: seats - len(market)]
        for team in sorted(self.teams, key=lambda t: -t.pace):
            while len(team.drivers) < 2:
                team.drivers.append(hired.pop(0))
        racing = [d for team in self.teams for d in team.drivers]
        self.world.raced.update(d.number for d in racing)
        # Who was free and found no seat does not come back.
        self.world.reserves = [d for d in rookies if d not in racing]
        for driver in racing:
            self._age(driver)

    def _leaves(self, driver: Driver) -> bool:
        return self._retires(driver) or float(self.random.random_sample()) < 0.24

    def _retires(self, driver: Driver) -> bool:
        return self.year - driver.born.year >= 37

    def _age(self, driver: Driver) -> None:
        """Skill grows to a peak around 29 and falls from 33 on."""
        age = self.year - driver.born.year
        curve = -0.06 * max(0, 25 - age) - 0.05 * max(0, age - 33)
        driver.skill = driver.peak + curve + float(self.random.normal(0, 0.10))

    def run(self) -> None:
        """Hold the season's races; those of the newest season are not all run yet."""
        newest = self.year == SEASONS[-1]
        calendar = [
            c
            for c in np.argsort(self.random.random_sample(len(self.world.circuits)))
            if self.year >= 2019 or self.world.circuits[c].ref not in ("meerdam", "kestrelridge")
        ]
        day = date(self.year, 3, 15)
        day += timedelta(days=6 - day.weekday())
        for round_ in range(1, ROUNDS + 1):
            circuit = self.world.circuits[calendar[round_ - 1]]
            race = Race(self, round_, circuit)
            race.announce(day)
            day += timedelta(days=21 if round_ in (5, 10) else 14)
            if newest and round_ > ROUNDS_RUN_IN_NEWEST + 1:
                continue
            race.qualify()
            if not newest or round_ <= ROUNDS_RUN_IN_NEWEST:
                race.sprint()
                race.start()
                self._write_standings(race.id)
            for team in self.teams:
                team.pace += float(self.random.normal(0, 0.05))

    def _write_standings(self, race_id: int) -> None:
        for table, standings in (
            ("driver_standings", self.drivers),
            ("constructor_standings", self.constructors),
        ):
            ranking = sorted(standings, key=lambda k: standings[k].order(), reverse=True)
            for position, key in enumerate(ranking, 1):
                standing = standings[key]
                self.world.add(
                    table, race_id, key, number(standing.points), position, position,
                    standing.places[0],
                )  # fmt: skip


class Race:
    """One race weekend."""

    def __init__(self, season: Season, round_: int, circuit: Circuit) -> None:
        """Find who drives, and how fast each is on this weekend."""
        self.season = season
        self.world = season.world
        self.random = season.random
        self.round = round_
        self.circuit = circuit
        self.id = 100 * (season.year - SEASONS.start + 1) + round_
        self.cars = [(team, driver) for team in season.teams for driver in team.drivers]
        self._substitute()
        self.pace = [self._pace(team, driver) for team, driver in self.cars]
        self.grid: list[int] = []

    def _substitute(self) -> None:
        """Now and then somebody is ill and a reserve drives."""
        if self.random.random_sample() < 0.06 and self.world.reserves:
            seat = int(self.random.randint(len(self.cars)))
            reserve = self.world.reserves[-1]
            reserve.skill = reserve.peak - 0.3
            self.world.raced.add(reserve.number)
            self.cars[seat] = (self.cars[seat][0], reserve)

    def _pace(self, team: Constructor, driver: Driver) -> float:
        on_this_track = driver.affinity[self.circuit.number] + team.power * self.circuit.power
        weekend = float(self.random.normal(0, SETUP_NOISE))
        return team.pace + driver.skill + on_this_track + weekend

    def announce(self, day: date) -> None:
        """The race's row; the times of sessions are known for the last two seasons."""
        has_sprint = self.round in SPRINTS.get(self.season.year, ())
        timed = self.season.year >= SEASONS[-2]
        saturday = day - timedelta(days=1)
        sprint: Row = [saturday, "11:00:00" if timed else NULL] if has_sprint else [NULL, NULL]
        qualifying: Row = [saturday, "15:00:00"] if timed else [NULL, NULL]
        practice: Row = [NULL] * 6
        self.world.tables["races"].append(
            [self.id, self.season.year, self.round, self.circuit.number,
             f"{self.circuit.place} Grand Prix", day, "14:00:00" if timed else NULL, NULL,
             *practice, *qualifying, *sprint]
        )  # fmt: skip

    def qualify(self) -> None:
        """Three knock-out sessions, then penalties, give the grid."""
        cars = list(range(len(self.cars)))
        times: list[list[str]] = [[NULL] * 3 for _ in cars]
        order: list[int] = []
        through = cars
        for session, places in enumerate((10 + (len(cars) - 10) // 2, 10, 0)):
            laps = {c: self._lap(c, session) for c in through}
            if session == 0:
                for car in through:
                    if self.random.random_sample() < 0.012:
                        laps[car] = float("inf")
            ranking = sorted(through, key=laps.__getitem__)
            for car in ranking:
                if laps[car] < float("inf"):
                    times[car][session] = lap_time(laps[car])
            order = ranking[places:] + order
            through = ranking[:places]
        absent = {c for c in order if self.random.random_sample() < 0.004}
        order = [c for c in order if c not in absent] + sorted(absent)
        self._write_qualifying(order, absent, times)
        self._set_grid(order, absent)

    def _lap(self, car: int, session: int) -> float:
        pace = self.pace[car] + float(self.random.normal(0, QUALIFYING_NOISE))
        track = self.circuit.seconds * (1 - 0.004 * session)
        return track * (1 - 0.0035 * pace)

    def _write_qualifying(self, order: list[int], absent: set[int], times: list[list[str]]) -> None:
        for position, car in enumerate(order, 1):
            if car not in absent:
                team, driver = self.cars[car]
                self.world.add(
                    "qualifying", self.id, driver.number, team.number, NULL, position, *times[car]
                )

    def _set_grid(self, order: list[int], absent: set[int]) -> None:
        """Penalties of some places; grid 0 is a start from the pit lane."""
        slot = {car: float(position) for position, car in enumerate(order)}
        pit_lane = {c for c in order if c in absent or self.random.random_sample() < 0.012}
        for car in order:
            if self.random.random_sample() < 0.05:
                slot[car] += 5.5 if self.random.random_sample() < 0.6 else 10.5
        order = sorted(order, key=slot.__getitem__)
        places = {c: i for i, c in enumerate((c for c in order if c not in pit_lane), 1)}
        self.grid = [places.get(car, 0) for car in range(len(self.cars))]

    def _score(self, car: int, grid: list[int], noise: float) -> float:
        """Where a car would finish if nothing broke: higher is better."""
        _, driver = self.cars[car]
        start = grid[car] or len(self.cars) + 1
        race_pace = self.pace[car] + driver.racecraft
        lost = self.circuit.grid_effect * (start - (len(self.cars) + 1) / 2)
        return race_pace - lost + float(self.random.normal(0, noise))

    def sprint(self) -> None:
        """A short race from the same grid, which stays the grid of the race."""
        if self.round not in SPRINTS.get(self.season.year, ()):
            return
        cars = range(len(self.cars))
        scores = [self._score(car, self.grid, 0.5 * RACE_NOISE) for car in cars]
        for place, car in enumerate(sorted(cars, key=lambda c: -scores[c]), 1):
            team, driver = self.cars[car]
            points = SPRINT_POINTS[place - 1] if place <= len(SPRINT_POINTS) else 0
            self.season.drivers[driver.number].points += points
            self.season.constructors[team.number].points += points
            self.world.add(
                "sprint_results", self.id, driver.number, team.number, NULL, self.grid[car], place,
                place, place, points, self.circuit.laps // 3, NULL, NULL, NULL, NULL,
                STATUS_ID["Finished"],
            )  # fmt: skip

    def start(self) -> None:
        """The race: who finishes where, who does not, and what it is worth."""
        cars = range(len(self.cars))
        scores = [self._score(car, self.grid, RACE_NOISE) for car in cars]
        out = {car: fate for car in cars if (fate := self._fate(car))}
        finishers = sorted((c for c in cars if c not in out), key=lambda c: -scores[c])
        retired = sorted(out, key=lambda c: (-out[c][1], c))
        fastest = sorted(finishers, key=lambda c: -self.pace[c] - self.random.normal(0, 0.5))
        for order, car in enumerate(finishers + retired, 1):
            if car in out:
                letter, laps, status = out[car]
                self._write_result(car, order, letter, laps, status, None)
            else:
                behind = min(3, int((scores[finishers[0]] - scores[car]) / 2.2))
                status = f"+{behind} Lap{'s' * (behind > 1)}" if behind else "Finished"
                laps = self.circuit.laps - behind
                self._write_result(car, order, str(order), laps, status, 1 + fastest.index(car))

    def _fate(self, car: int) -> tuple[str, int, str] | None:
        """The code, the laps run and the reason of a car that is not classified."""
        team, driver = self.cars[car]
        luck = float(self.random.random_sample())
        lap = int(self.random.randint(1, self.circuit.laps))
        cause = int(self.random.randint(24))
        if luck < team.breakdowns:
            return "R", lap, MECHANICAL[cause % len(MECHANICAL)]
        if luck < team.breakdowns + driver.crashes:
            return "R", lap // 2 if cause % 2 else 0, HUMAN[cause % len(HUMAN)]
        if luck > 0.9985:
            return "D", -1, "Disqualified"
        if luck > 0.997:
            return "W", -2, "Withdrew"
        return None

    def _write_result(
        self, car: int, order: int, text: str, laps: int, status: str, fastest: int | None
    ) -> None:
        team, driver = self.cars[car]
        classified = fastest is not None
        points: float = POINTS[order - 1] if classified and order <= len(POINTS) else 0
        if (self.season.year, self.round) == HALF_POINTS:
            points /= 2
        elif fastest == 1 and order <= len(POINTS) and self.season.year in range(2019, 2025):
            points += 1
        for standing in (
            self.season.drivers[driver.number],
            self.season.constructors[team.number],
        ):
            standing.points += points
            if classified:
                standing.places[order - 1] += 1
        run = {"D": self.circuit.laps, "W": 0}.get(text, laps)
        self.world.add(
            "results", self.id, driver.number, team.number, NULL, self.grid[car],
            order if classified else NULL, text, order, number(points), run, NULL, NULL, NULL,
            fastest or NULL, NULL, NULL, STATUS_ID[status],
        )  # fmt: skip


HEADERS = {
    "races": "raceId year round circuitId name date time url fp1_date fp1_time fp2_date fp2_time "
    "fp3_date fp3_time quali_date quali_time sprint_date sprint_time",
    "results": "resultId raceId driverId constructorId number grid position positionText "
    "positionOrder points laps time milliseconds fastestLap rank fastestLapTime fastestLapSpeed "
    "statusId",
    "qualifying": "qualifyId raceId driverId constructorId number position q1 q2 q3",
    "sprint_results": "resultId raceId driverId constructorId number grid position positionText "
    "positionOrder points laps time milliseconds fastestLap fastestLapTime statusId",
    "driver_standings": "driverStandingsId raceId driverId points position positionText wins",
    "constructor_standings": "constructorStandingsId raceId constructorId points position "
    "positionText wins",
    "drivers": "driverId driverRef number code forename surname dob nationality url",
    "constructors": "constructorId constructorRef name nationality url",
    "circuits": "circuitId circuitRef name location country lat lng alt url",
    "status": "statusId status",
    "seasons": "year url",
}


def write(folder: Path, table: str, rows: Iterable[Row]) -> None:
    """Write a table with its header; line ends are those of Unix everywhere."""
    with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADERS[table].split())
        writer.writerows(rows)


def simulate(folder: Path, seed: int) -> None:
    """Write every table of an invented championship into `folder`."""
    world = World(seed)
    world.run()
    folder.mkdir(parents=True, exist_ok=True)
    for table in HEADERS:
        write(folder, table, world.tables[table])


def main() -> None:
    """Read the command line and write the tables."""
    parser = argparse.ArgumentParser(description="Made-up Formula-1-like seasons as CSV tables.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1950)
    arguments = parser.parse_args()
    simulate(arguments.folder, arguments.seed)


if __name__ == "__main__":
    main()
