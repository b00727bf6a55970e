"""`python -m bench._unlimited serve …`: run `deckwatch serve` without the collectors' series budgets.

The budgets suffice for about a thousand containers. Dropped series cost little, so thousands would look cheap.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from deckwatch.exporter import collector


def lift_series_limits() -> None:
    """Lift the series budgets of all collectors loaded afterwards."""
    load = collector.load_collectors
    collector.load_collectors = lambda: {name: replace(item, budget=sys.maxsize) for name, item in load().items()}


if __name__ == "__main__":
    from deckwatch.cli.main import main

    lift_series_limits()
    main()
