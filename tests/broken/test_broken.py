"""Typical mistakes in files: each is reported at its line and column with the right suggestion, and nothing is written.

`expected.txt` lists the expected problems; a case is a file and its lines there.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from deckwatch.cli.main import main

HERE = Path(__file__).parent
PROJECT = """\
teams: {ops: {webhook: {url_file: /run/secrets/hook}}}
metrics:
  shop_orders_total: {kind: counter, help: Paid orders., labels: [currency]}
  shop_order_seconds: {kind: histogram, help: Duration of an order., unit: seconds, labels: [handler]}
  shop_stock: {kind: gauge, help: Items in stock.}
build: {include: [host, dashboards/, alerts/, signals/]}
"""
PROBLEM = re.compile(r"^(\S+?)(?::(\d+):(\d+))?: error: (.*) \[(\w+)\]$", re.MULTILINE)
MIN_RIGHT = 0.9  # share of the suggestions


def read_expected() -> dict[str, list[tuple[str, str, str]]]:
    """Return position, check and suggestion of every problem, by file."""
    expected: dict[str, list[tuple[str, str, str]]] = {}
    for line in (HERE / "expected.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            file, place, check, suggestion = line.split(maxsplit=3)
            expected.setdefault(file, []).append((place, check, suggestion))
    return expected


EXPECTED = read_expected()


@pytest.fixture(scope="module")
def suggestions():
    """Whether each suggestion was right; prints the share at the end."""
    results: dict[tuple[str, str], bool] = {}
    yield results
    right = sum(results.values())
    print(f"\n{right} of {len(results)} suggestions are right, {right / max(len(results), 1):.1%}")
    assert right >= MIN_RIGHT * len(results), [key for key, is_right in results.items() if not is_right]


def write_project(folder: Path, file: str) -> Path:
    """Copy a file into a project; return its new path."""
    if file.startswith("project/"):
        placed = folder / "deckwatch.yaml"
    else:
        for name in ("dashboards", "alerts", "signals"):
            (folder / name).mkdir()
        (folder / "deckwatch.yaml").write_text(PROJECT, encoding="utf-8")
        placed = folder / file
    if (HERE / file).exists():
        shutil.copy(HERE / file, placed)
    return placed


def generate(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Run `deckwatch generate` in this process; return its exit code and stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(folder), "generate", "--out", str(folder / "out")])
    return ended.value.code, capsys.readouterr().err


def read_files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.sampled
@pytest.mark.parametrize("file", EXPECTED)
def test_every_mistake_is_reported_at_its_position(file, tmp_path, capsys, suggestions) -> None:
    placed = write_project(tmp_path, file)
    before = read_files(tmp_path)
    code, stderr = generate(tmp_path, capsys)
    assert code == 1, stderr
    assert "Traceback" not in stderr
    assert read_files(tmp_path) == before
    problems = [
        (f"{line or 0}:{column or 0}", check, sentence) for _, line, column, sentence, check in PROBLEM.findall(stderr)
    ]
    assert {Path(path) for path, *_ in PROBLEM.findall(stderr)} == {placed}
    assert sorted(problem[:2] for problem in problems) == sorted(entry[:2] for entry in EXPECTED[file]), stderr
    for place, check, word in EXPECTED[file]:
        if word != "-":
            suggestions[file, place] = any(problem[:2] == (place, check) and word in problem[2] for problem in problems)


def test_every_file_is_listed_and_there_are_at_least_200() -> None:
    files = {path.relative_to(HERE).as_posix() for path in HERE.glob("*/*.yaml")}
    assert files == set(EXPECTED)
    assert len(files) >= 200


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rows:\n" + "  - x\n" * 210_000, "the file has more than 200,000 values"),
        ("about: " + "x" * 5_100_000, "cannot be read: the file is larger than 5 MB"),
        ("dashboard: Shop\nrows:\n" + "  - - {stat: shop_stok}\n" * 300, "no signal or metric is called shop_stok"),
    ],
    ids=["values", "bytes", "problems"],
)
def test_a_huge_file_is_reported(text, wanted, tmp_path, capsys) -> None:
    placed = write_project(tmp_path, "dashboards/huge.yaml")
    placed.write_text(text, encoding="utf-8")
    code, stderr = generate(tmp_path, capsys)
    assert code == 1
    assert wanted in stderr
    assert not (tmp_path / "out").exists()


def test_mistakes_in_several_files_are_reported_in_one_run(tmp_path, capsys) -> None:
    for file in ("dashboards/metric.yaml", "signals/label.yaml", "alerts/severity.yaml", "dashboards/yaml_tab.yaml"):
        if not (tmp_path / "deckwatch.yaml").exists():
            write_project(tmp_path, file)
        shutil.copy(HERE / file, tmp_path / file)
    code, stderr = generate(tmp_path, capsys)
    assert code == 1
    assert len({path for path, *_ in PROBLEM.findall(stderr)}) == 4, stderr
