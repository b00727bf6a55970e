"""The work of the workflows: orders are imported from CSV, added up to invoices, and exported."""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from run_store import Run, RunStore


def import_orders(run: Run, store: RunStore, _folder: Path) -> None:
    """Add the orders of a CSV document with the columns customer and cents; raises ValueError for an invalid row."""
    rows = [
        (run.tenant, row["customer"], int(row["cents"])) for row in csv.DictReader(io.StringIO(run.body), strict=True)
    ]
    with closing(store.connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")


def write_invoices(run: Run, store: RunStore, _folder: Path) -> None:
    """Move the orders of each customer to an invoice."""
    with closing(store.connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO invoices SELECT tenant, customer, sum(cents) FROM orders WHERE tenant = ? GROUP BY customer "
            "ON CONFLICT DO UPDATE SET cents = cents + excluded.cents",
            (run.tenant,),
        )
        connection.execute("DELETE FROM orders WHERE tenant = ?", (run.tenant,))
        connection.execute("COMMIT")


def export_invoices(run: Run, store: RunStore, folder: Path) -> None:
    """Write the invoices of a tenant to a compressed CSV file."""
    with closing(store.connect()) as connection:
        rows = connection.execute("SELECT customer, cents FROM invoices WHERE tenant = ?", (run.tenant,)).fetchall()
    with gzip.open(folder / f"invoices-{run.tenant}-{run.id % 4}.csv.gz", "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


STEPS: dict[str, Callable[[Run, RunStore, Path], None]] = {
    "import": import_orders,
    "billing": write_invoices,
    "export": export_invoices,
}
