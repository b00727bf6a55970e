"""The README's figures, generated from the newest saved run: `python -m bench._readme`, with `--check` in `make check`.

They stand between two markers. Only ratios are stated, with the date, machine and load of the run. `--table NAME`
prints a result as the rows of a Markdown table, for a decision note.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from bench import _results
from bench._sheet import format_ratio, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench._results import Result

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- figures: `python -m bench speed --save` -->\n", "<!-- end of figures -->\n"
_WIDTH = 128
_PHRASES = (
    ("idle_minute_pair", "{} of their CPU time"),
    ("idle_resident_pair", "{} of their memory"),
    ("idle_wall_p99_cadvisor", "{} of cAdvisor's p99 of the scrape duration"),
)
_DATABASE_PHRASES = (
    ("peer_exporter", "{} of its CPU time"),
    ("peer_server", "{} of the CPU time that it costs the server"),
)


def update_readme(readme: Path = README, folder: Path = _results.FOLDER, *, check: bool = False) -> bool:
    """Write the figures into the README, or only compare; return whether it had been up to date.

    Raises ValueError if the README lacks a marker.
    """
    text = readme.read_text()
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{readme}: expected the lines {START.strip()} and {END.strip()}")
    results = (_results.load_result(name, folder) for name in ("speed", "postgres_many"))
    new = before + start + render_figures(*results) + end + after
    if new != text and not check:
        readme.write_text(new)
    return new == text


def render_figures(result: Result | None, databases: Result | None = None) -> str:
    """Return the README's lines, with only the figures that were measured; none without a result of `speed`."""
    lines = []
    if result and (phrases := _measured_phrases(result, _PHRASES)):
        lines.append(
            f"- **Light.** Compared with tuned cAdvisor and node_exporter ({_situation(result)}, one scrape per 15 s):"
        )
        lines.append(f"{', '.join(phrases)}. Measured on {_describe_run(result)}.")
        if databases and (phrases := _measured_phrases(databases, _DATABASE_PHRASES)):
            text = "Compared with postgres_exporter without table collectors, plus what 500 tables cost it"
            lines.append(f"{text} ({_situation(databases)}): {', '.join(phrases)}.")
            lines.append(f"Measured on {_describe_run(databases)}.")
    text = textwrap.fill(" ".join(lines), _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return f"{text}\n" if text else ""


def _measured_phrases(result: Result, texts: Iterable[tuple[str, str]]) -> list[str]:
    found = {row["key"]: format_ratio(row["ratio"]) for row in result.rows if row["ratio"] is not None}
    return [text.format(found[key]) for key, text in texts if key in found]


def _situation(result: Result) -> str:
    return str(result.rows[0]["sheet"]).removeprefix("Targets: ")


def _describe_run(result: Result) -> str:
    machine = result.machine
    busy = f"; busy, so not meaningful: {', '.join(result.busy)}" if result.busy else ""
    return (
        f"{result.date.split(' ')[0]}, build {machine['build']}, {machine['processor']}, Linux {machine['kernel']}, "
        f"Python {machine['python']}, load {result.conditions['load']:.2f}{busy}"
    )


def table_lines(result: Result) -> Iterator[str]:
    """Yield a result as a Markdown table: reference, deckwatch, ratio with its quartiles, target."""
    yield f"{_describe_run(result)}\n"
    yield "| figure | compared with | reference | deckwatch | ratio (quartiles) | target |"
    yield "|---|---|---|---|---|---|"
    for row in result.rows:
        values = [format_value(row[key], row["unit"]) for key in ("reference", "ours")]
        spread = f" ({'-'.join(map(format_ratio, row['quartiles']))})" if row["quartiles"] else ""
        ratio, target = format_ratio(row["ratio"]), format_ratio(row["target"])
        figure = f"{row['figure']}, {row['sheet'].removeprefix('Targets: ')}"
        yield f"| {figure} | {row['comparison']} | {' | '.join(values)} | {ratio}{spread} | {target} |"


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench._readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the README is out of date")
    parser.add_argument("--table", metavar="NAME", help="print a saved result as a Markdown table")
    given = parser.parse_args()
    if given.table:
        result = _results.load_result(given.table)
        if result is None:
            parser.error(
                f"{_results.FOLDER}/{given.table}.json does not exist; run `python -m bench {given.table} --save`"
            )
        print("\n".join(table_lines(result)))
    elif not update_readme(check=given.check) and given.check:
        sys.exit("README.md differs from bench/results: run `python -m bench._readme`")


if __name__ == "__main__":
    _main()
