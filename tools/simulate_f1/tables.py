"""The tables in the Ergast layout."""

import csv
from pathlib import Path

NULL = r"\N"
COLUMNS = {
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
MECHANICAL = ("Engine", "Gearbox", "Hydraulics", "Brakes", "Suspension", "Electrical")
HUMAN = ("Collision", "Accident", "Spun off", "Puncture")
LAPPED = ("+1 Lap", "+2 Laps", "+3 Laps")
STATUSES = ("Finished", "Disqualified", *LAPPED, *MECHANICAL, *HUMAN, "Withdrew")


class Tables:
    """The rows of each table, by column."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, object]]] = {table: [] for table in COLUMNS}

    def add(self, table: str, **values: object) -> None:
        """Append a row; a key not given is the next number, any other column is null."""
        key = COLUMNS[table].split()[0]
        self.rows[table].append({key: len(self.rows[table]) + 1} | values)

    def write(self, folder: Path) -> None:
        """Write a file for each table; line ends are those of Unix everywhere."""
        folder.mkdir(parents=True, exist_ok=True)
        for table, rows in self.rows.items():
            with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                columns = COLUMNS[table].split()
                writer = csv.DictWriter(file, columns, restval=NULL, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def lap_time(seconds: float) -> str:
    """A lap as m:ss.mmm."""
    millis = round(seconds * 1000)
    return f"{millis // 60000}:{millis % 60000 / 1000:06.3f}"
