"""One race weekend."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from math import inf

from simulate_f1.tables import HUMAN, LAPPED, MECHANICAL, NULL, STATUSES, lap_time
from simulate_f1.world import SEASONS, Circuit, Constructor, Driver, World

POINTS = dict(enumerate((25, 18, 15, 12, 10, 8, 6, 4, 2, 1), 1))
SPRINT_POINTS = dict(enumerate((8, 7, 6, 5, 4, 3, 2, 1), 1))
SPRINTS = {2022: (4, 9, 14), 2023: (3, 9, 14), 2024: (3, 8, 13), 2025: (3, 8, 14)}
HALF_POINTS = (2021, 12)
POINT_FOR_FASTEST_LAP = range(2019, 2025)

QUALIFYING_NOISE = 1.00
RACE_NOISE = 0.65
SETUP_NOISE = 0.15


@dataclass(eq=False)
class Car:
    """A car on this weekend; grid 0 is the pit lane, place 0 is not classified."""

    team: Constructor
    driver: Driver
    pace: float = 0.0
    times: dict[str, str] = field(default_factory=dict)
    grid: int = 0
    place: int = 0
    points: float = 0


class Race:
    """Its sessions, called in order, each write their table."""

    def __init__(self, world: World, year: int, round_: int, circuit: Circuit) -> None:
        self.world = world
        self.random = world.random
        self.year = year
        self.round = round_
        self.circuit = circuit
        self.id = 100 * (year - SEASONS.start + 1) + round_
        self.has_sprint = round_ in SPRINTS.get(year, ())
        self.cars = [Car(team, driver) for team in world.constructors for driver in team.drivers]
        self._substitute()
        for car in self.cars:
            car.pace = self._pace(car.team, car.driver)

    def _substitute(self) -> None:
        """Now and then somebody is ill and a reserve drives."""
        if self.random.random_sample() < 0.06 and self.world.reserves:
            reserve = self.world.reserves[-1]
            reserve.skill = reserve.peak - 0.3
            reserve.raced = True
            self.cars[self.random.randint(len(self.cars))].driver = reserve

    def _pace(self, team: Constructor, driver: Driver) -> float:
        on_this_track = driver.affinity[self.circuit.number] + team.power * self.circuit.power
        return team.pace + driver.skill + on_this_track + self.random.normal(0, SETUP_NOISE)

    def _add(self, table: str, car: Car, **values: object) -> None:
        ids = {"driverId": car.driver.number, "constructorId": car.team.number}
        self.world.tables.add(table, raceId=self.id, **ids, **values)

    def announce(self, day: date) -> None:
        """The race's row; the times of sessions are known for the last two seasons."""
        timed = self.year >= SEASONS[-2]
        saturday = day - timedelta(days=1)
        self.world.tables.add(
            "races",
            raceId=self.id,
            year=self.year,
            round=self.round,
            circuitId=self.circuit.number,
            name=f"{self.circuit.place} Grand Prix",
            date=day,
            time="14:00:00" if timed else NULL,
            quali_date=saturday if timed else NULL,
            quali_time="15:00:00" if timed else NULL,
            sprint_date=saturday if self.has_sprint else NULL,
            sprint_time="11:00:00" if self.has_sprint and timed else NULL,
        )

    def qualify(self) -> None:
        """Three knock-out sessions, then penalties, give the grid."""
        order: list[Car] = []
        through = self.cars
        for session, places in enumerate((10 + (len(self.cars) - 10) // 2, 10, 0)):
            ranking = self._session(session, through)
            order = ranking[places:] + order
            through = ranking[:places]
        absent = [car for car in order if self.random.random_sample() < 0.004]
        present = [car for car in order if car not in absent]
        for position, car in enumerate(present, 1):
            self._add("qualifying", car, position=position, **car.times)
        self._set_grid(present, [car for car in self.cars if car in absent])

    def _session(self, session: int, cars: list[Car]) -> list[Car]:
        """The cars by their best lap; in the first session some set none."""
        laps = {car: self._lap(car, session) for car in cars}
        if session == 0:
            laps |= {car: inf for car in cars if self.random.random_sample() < 0.012}
        for car, lap in laps.items():
            if lap < inf:
                car.times[f"q{session + 1}"] = lap_time(lap)
        return sorted(cars, key=laps.__getitem__)

    def _lap(self, car: Car, session: int) -> float:
        pace = car.pace + self.random.normal(0, QUALIFYING_NOISE)
        track = self.circuit.seconds * (1 - 0.004 * session)
        return track * (1 - 0.0035 * pace)

    def _set_grid(self, present: list[Car], absent: list[Car]) -> None:
        """Some start from the pit lane, some lose places."""
        pit_lane = absent + [car for car in present if self.random.random_sample() < 0.012]
        slot = {car: i + self._penalty() for i, car in enumerate(present + absent)}
        starters = [car for car in sorted(slot, key=slot.__getitem__) if car not in pit_lane]
        for place, car in enumerate(starters, 1):
            car.grid = place

    def _penalty(self) -> float:
        if self.random.random_sample() >= 0.05:
            return 0
        return 5.5 if self.random.random_sample() < 0.6 else 10.5

    def _scores(self, noise: float) -> dict[Car, float]:
        """Where each car would finish if nothing broke: higher is better."""
        last = len(self.cars) + 1
        scores = {}
        for car in self.cars:
            lost = self.circuit.grid_effect * ((car.grid or last) - last / 2)
            scores[car] = car.pace + car.driver.racecraft - lost + self.random.normal(0, noise)
        return scores

    def sprint(self) -> None:
        """A short race, if there is one, from the same grid, which stays the grid of the race."""
        if not self.has_sprint:
            return
        scores = self._scores(0.5 * RACE_NOISE)
        for place, car in enumerate(sorted(scores, key=scores.__getitem__, reverse=True), 1):
            car.points = SPRINT_POINTS.get(place, 0)
            laps = self.circuit.laps // 3
            self._add_result("sprint_results", car, place, laps, "Finished", points=car.points)

    def start(self) -> list[Car]:
        """The race; returns the cars in its order, those not classified last."""
        scores = self._scores(RACE_NOISE)
        fates = {car: fate for car in self.cars if (fate := self._fate(car))}
        finishers = [car for car in self.cars if car not in fates]
        finishers.sort(key=scores.__getitem__, reverse=True)
        retired = sorted(fates, key=lambda car: ("RDW".index(fates[car][0]), -fates[car][1]))
        fastest = sorted(finishers, key=lambda car: -car.pace - self.random.normal(0, 0.5))
        for place, car in enumerate(finishers, 1):
            behind = min(3, int((scores[finishers[0]] - scores[car]) / 2.2))
            self._finish(car, place, behind, 1 + fastest.index(car))
        for order, car in enumerate(retired, len(finishers) + 1):
            letter, laps, status = fates[car]
            unplaced = {"position": NULL, "positionText": letter}
            self._add_result("results", car, order, laps, status, points=0, **unplaced)
        return finishers + retired

    def _fate(self, car: Car) -> tuple[str, int, str] | None:
        """The code, the laps run and the reason of a car that is not classified."""
        luck = self.random.random_sample()
        lap = self.random.randint(1, self.circuit.laps)
        cause = self.random.randint(24)
        if luck < car.team.breakdowns:
            return "R", lap, MECHANICAL[cause % len(MECHANICAL)]
        if luck < car.team.breakdowns + car.driver.crashes:
            return "R", lap // 2 if cause % 2 else 0, HUMAN[cause % len(HUMAN)]
        if luck > 0.9985:
            return "D", self.circuit.laps, "Disqualified"
        if luck > 0.997:
            return "W", 0, "Withdrew"
        return None

    def _finish(self, car: Car, place: int, behind: int, rank: int) -> None:
        points = self._points(place, rank == 1)
        car.place = place
        car.points += points
        laps, status = self.circuit.laps - behind, ("Finished", *LAPPED)[behind]
        self._add_result("results", car, place, laps, status, points=f"{points:g}", rank=rank)

    def _points(self, place: int, fastest: bool) -> float:
        points = POINTS.get(place, 0)
        if (self.year, self.round) == HALF_POINTS:
            return points / 2
        return points + (fastest and points > 0 and self.year in POINT_FOR_FASTEST_LAP)

    def _add_result(
        self, table: str, car: Car, order: int, laps: int, status: str, **values: object
    ) -> None:
        row = {"position": order, "positionText": order, "positionOrder": order, **values}
        status_id = STATUSES.index(status) + 1
        self._add(table, car, grid=car.grid, laps=laps, statusId=status_id, **row)
