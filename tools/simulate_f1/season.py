"""One year: who drives what, how fast the cars are, and its races."""

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

from simulate_f1.race import Car, Race
from simulate_f1.world import SEASONS, Circuit, Driver, World

ROUNDS = 16
ROUNDS_RUN_IN_NEWEST = 10
NEW_REGULATIONS = (2017, 2022)
BUILT_IN_2019 = ("meerdam", "kestrelridge")


def simulate(folder: Path, seed: int) -> None:
    """Write every table of an invented championship into `folder`."""
    world = World(seed)
    for year in SEASONS:
        Season(world, year).run()
    world.describe()
    world.tables.write(folder)


class Season:
    """Built with its cars and drivers, ready to run."""

    def __init__(self, world: World, year: int) -> None:
        self.world = world
        self.random = world.random
        self.year = year
        self.teams = [c for c in world.constructors if c.first <= year <= c.last]
        # Points, then how often each place was reached: lists compare as standings do.
        self.standings = {
            kind: defaultdict[int, list[float]](lambda: [0] * 31)
            for kind in ("driver", "constructor")
        }
        self._build_cars()
        self._fill_seats()

    def _build_cars(self) -> None:
        """Pace regresses towards the budget; new rules shake the order up."""
        keep, spread = (0.25, 0.75) if self.year in NEW_REGULATIONS else (0.65, 0.42)
        for team in self.teams:
            if self.year == team.first:
                team.pace = team.budget + self.random.normal(0, 0.4)
            new = keep * team.pace + (1 - keep) * team.budget
            team.pace = new + self.random.normal(0, spread)
            team.power = self.random.normal(0, 0.22)
            team.breakdowns = self.random.uniform(0.03, 0.11)

    def _fill_seats(self) -> None:
        """Some leave, the best free drivers get the best free seats, rookies take the rest."""
        free = self._empty_seats() + [d for d in self.world.reserves if d.raced]
        rookies = [d for d in self.world.reserves if not d.raced]
        seats = sum(2 - len(team.drivers) for team in self.teams)
        market = sorted(free, key=lambda d: -d.skill)[: max(0, seats - 1)]
        needed = seats - len(market)
        hired = market + rookies[:needed]
        for team in sorted(self.teams, key=lambda t: -t.pace):
            while len(team.drivers) < 2:
                team.drivers.append(hired.pop(0))
        # Who was free and found no seat does not come back.
        self.world.reserves = rookies[needed:]
        for team in self.teams:
            for driver in team.drivers:
                driver.raced = True
                self._age(driver)

    def _empty_seats(self) -> list[Driver]:
        """Who left a team, or lost it, and still races."""
        free = []
        for team in self.world.constructors:
            stay = [d for d in team.drivers if team in self.teams and not self._leaves(d)]
            free += [d for d in team.drivers if d not in stay and not self._retires(d)]
            team.drivers = stay
        return free

    def _leaves(self, driver: Driver) -> bool:
        return self._retires(driver) or self.random.random_sample() < 0.24

    def _retires(self, driver: Driver) -> bool:
        return self.year - driver.born.year >= 37

    def _age(self, driver: Driver) -> None:
        """Skill grows to a peak around 29 and falls from 33 on."""
        age = self.year - driver.born.year
        curve = -0.06 * max(0, 25 - age) - 0.05 * max(0, age - 33)
        driver.skill = driver.peak + curve + self.random.normal(0, 0.10)

    def run(self) -> None:
        """Hold the season's races; those of the newest season are not all run yet."""
        run = ROUNDS_RUN_IN_NEWEST if self.year == SEASONS[-1] else ROUNDS
        day = date(self.year, 3, 15)
        day += timedelta(days=6 - day.weekday())
        for round_, circuit in enumerate(self._calendar(), 1):
            race = Race(self.world, self.year, round_, circuit)
            race.announce(day)
            day += timedelta(days=21 if round_ in (5, 10) else 14)
            if round_ > run + 1:
                continue
            race.qualify()
            if round_ <= run:
                race.sprint()
                self._count(race.start())
                self._write_standings(race.id)
            for team in self.teams:
                team.pace += self.random.normal(0, 0.05)

    def _calendar(self) -> list[Circuit]:
        drawn = sorted(self.world.circuits, key=lambda _: self.random.random_sample())
        built = [c for c in drawn if self.year >= 2019 or c.ref not in BUILT_IN_2019]
        return built[:ROUNDS]

    def _count(self, cars: list[Car]) -> None:
        for car in cars:
            for kind, number in (("driver", car.driver.number), ("constructor", car.team.number)):
                standing = self.standings[kind][number]
                standing[0] += car.points
                if car.place:
                    standing[car.place] += 1

    def _write_standings(self, race_id: int) -> None:
        for kind, standings in self.standings.items():
            ranking = sorted(standings, key=standings.__getitem__, reverse=True)
            for position, number in enumerate(ranking, 1):
                points, wins, *_ = standings[number]
                row = {f"{kind}Id": number, "points": f"{points:g}", "wins": wins}
                row |= {"position": position, "positionText": position}
                self.world.tables.add(f"{kind}_standings", raceId=race_id, **row)
