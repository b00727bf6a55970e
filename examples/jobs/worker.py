"""A worker with two jobs, one of them asynchronous, and their metrics at http://127.0.0.1:8000/metrics."""

import asyncio
import itertools
import sys

from prometheus_client import start_http_server

from deckwatch.instrument import business, jobs

BILLING = jobs.job("billing", tenant="acme", every=5)
IMPORT = jobs.job("import", every=5)
_ROWS = itertools.cycle([40, 80, 5])
ROWS = business.summary("worker_import_rows", "Rows of an import.")


@BILLING
async def bill_customers() -> None:
    """Take a moment."""
    await asyncio.sleep(0.2)


def import_orders() -> None:
    """Fail now and then."""
    with IMPORT.run() as execution:
        rows = next(_ROWS)
        ROWS.observe(rows)
        if rows < 10:
            execution.fail()


async def work(rounds: int) -> None:
    """Run both jobs again and again."""
    for _ in range(rounds):
        await bill_customers()
        import_orders()
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    start_http_server(int(sys.argv[1]) if len(sys.argv) > 1 else 8000, "127.0.0.1")
    asyncio.run(work(int(sys.argv[2]) if len(sys.argv) > 2 else 100_000))
