"""What the migration knows of its datasets, in the new database: states, attempts, comparisons, durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from systems import COMPONENTS, find_component

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from systems import NewSystem

STATES = ("migrated", "pending", "failed")


class Ledger:
    """The tables of schema.sql."""

    def __init__(self, new: NewSystem) -> None:
        self._new = new

    def count_datasets(self, state: str) -> int:
        """Return the number of datasets in a state: migrated, pending or failed."""
        return int(self._select_column("SELECT count(*) FROM datasets WHERE state = %s", state)[0])

    def list_datasets(self, state: str, limit: int) -> list[int]:
        """Return the first datasets in a state."""
        return self._select_column("SELECT id FROM datasets WHERE state = %s ORDER BY id LIMIT %s", state, limit)

    def count_by_component(self) -> dict[str, dict[str, int]]:
        """Return the numbers of datasets by component and state: migrated, pending and failed."""
        counts = {component: dict.fromkeys(STATES, 0) for component in COMPONENTS}
        with self._new.connection() as connection:
            for component, state, number in connection.execute(
                "SELECT component, state, count(*) FROM datasets GROUP BY component, state"
            ):
                counts[component][state] = number
        return counts

    def count_rollbacks(self) -> list[dict[str, object]]:
        """Return the numbers of rolled back datasets by component and type, with zeros."""
        with self._new.connection() as connection:
            rows = connection.execute("SELECT component, type, count(*) FROM rollbacks GROUP BY component, type")
            counts = {(component, kind): number for component, kind, number in rows}
        return [
            {"component": component, "type": kind, "count": counts.get((component, kind), 0)}
            for component in COMPONENTS
            for kind in ("automatic", "manual")
        ]

    def record_attempt(self, dataset: int, result: str, state: str) -> None:
        """Record an attempt, success or failure, and the state of the dataset after it."""
        with self._new.connection() as connection:
            connection.execute("INSERT INTO attempts VALUES (%s, %s, %s)", (dataset, find_component(dataset), result))
            connection.execute("UPDATE datasets SET state = %s WHERE id = %s", (state, dataset))

    def record_checks(self, dataset: int, results: Sequence[str]) -> None:
        """Record the comparison of each record of a dataset: match or mismatch."""
        rows = [(dataset, find_component(dataset), result) for result in results]
        with self._new.connection() as connection:
            connection.cursor().executemany("INSERT INTO checks (dataset, component, result) VALUES (%s, %s, %s)", rows)

    def roll_back(self, dataset: int, kind: str) -> None:
        """Remove a dataset from the new system, so that it is pending again; `kind` is automatic or manual."""
        with self._new.connection() as connection:
            connection.execute("DELETE FROM records WHERE dataset = %s", (dataset,))
            connection.execute("UPDATE datasets SET state = 'pending' WHERE id = %s", (dataset,))
            connection.execute("INSERT INTO rollbacks VALUES (%s, %s, %s)", (dataset, find_component(dataset), kind))
            connection.execute(
                "UPDATE checks SET repaired_at = now() WHERE dataset = %s AND result = 'mismatch'", (dataset,)
            )

    def record_operations(self, rows: Iterable[tuple[str, str, str, float]]) -> None:
        """Record component, system, operation and seconds of operations, and forget those of two hours ago."""
        with self._new.connection() as connection:
            connection.cursor().executemany(
                "INSERT INTO operations (component, system, operation, seconds) VALUES (%s, %s, %s, %s)", rows
            )
            connection.execute("DELETE FROM operations WHERE ended_at < now() - interval '2 hours'")

    def _select_column(self, statement: str, *values: object) -> list[int]:
        with self._new.connection() as connection:
            return [row[0] for row in connection.execute(statement, values)]
