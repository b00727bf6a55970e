"""The largest tables of a database, as the FROM clause of a statement."""

from __future__ import annotations

MAX_TABLES = 500  # of a database: ten thousand would be 300,000 series

# Tables, materialized views and partitioned tables of users, by the size that the server last noted: no lock is taken
# and no file is looked at for that. A function of a table takes a lock on it, for which the page would have to wait.
LARGEST = f"""(
    SELECT pg_class.oid, nspname, relname, relpages, reltuples, relkind, relnatts
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'm', 'p') AND relpersistence <> 't'
    AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_toast'
    ORDER BY relpages DESC, pg_class.oid LIMIT {MAX_TABLES}
) AS largest"""  # noqa: S608 - a constant of ours


def with_view(view: str) -> str:
    """Return the largest tables with their rows of a statistics view: `largest` and `stat`.

    As a lateral join the server looks those rows up, where a plain join would make all of the view's first.
    """
    return f"{LARGEST}, LATERAL (SELECT * FROM {view} WHERE relid = largest.oid) AS stat"  # noqa: S608 - as above
