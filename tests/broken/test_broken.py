"""Files as people break them: each is told at its line and column with the right word, and nothing is written.

`expected.txt` beside this file is the table; a case is a file and its lines there.
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
  shop_orders_total: {kind: counter, help: Orders that were paid., labels: [currency]}
  shop_order_seconds: {kind: histogram, help: How long an order takes., unit: seconds, labels: [handler]}
  shop_stock: {kind: gauge, help: What is left to sell.}
build: {include: [host, dashboards/, alerts/, signals/]}
"""
TOLD = re.compile(r"^(\S+?)(?::(\d+):(\d+))?: error: (.*) \[(\w+)\]$", re.MULTILINE)
RIGHT = 0.9  # of the suggestions


def table() -> dict[str, list[tuple[str, str, str]]]:
    """Return place, check and suggestion of every problem, by file."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in (HERE / "expected.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            file, place, check, suggestion = line.split(maxsplit=3)
            found.setdefault(file, []).append((place, check, suggestion))
    return found


EXPECTED = table()


@pytest.fixture(scope="module")
def suggestions():
    """Whether each suggestion was the right one; the share is printed at the end."""
    found: dict[tuple[str, str], bool] = {}
    yield found
    right = sum(found.values())
    print(f"\n{right} of {len(found)} suggestions are right, {right / max(len(found), 1):.1%}")
    assert right >= RIGHT * len(found), [place for place, good in found.items() if not good]


def project(folder: Path, file: str) -> Path:
    """Put a file where it is read, in a project; return its path."""
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
    """Run `deckwatch generate` in this process; return its exit code and what it said."""
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(folder), "generate", "--out", str(folder / "out")])
    return ended.value.code, capsys.readouterr().err


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.sampled
@pytest.mark.parametrize("file", EXPECTED)
def test_every_fault_is_told_at_its_place(file, tmp_path, capsys, suggestions) -> None:
    placed = project(tmp_path, file)
    before = snapshot(tmp_path)
    code, said = generate(tmp_path, capsys)
    assert code == 1, said
    assert "Traceback" not in said
    assert snapshot(tmp_path) == before
    told = [(f"{line or 0}:{column or 0}", check, sentence) for _, line, column, sentence, check in TOLD.findall(said)]
    assert {Path(path) for path, *_ in TOLD.findall(said)} == {placed}
    assert sorted(one[:2] for one in told) == sorted(one[:2] for one in EXPECTED[file]), said
    for place, check, word in EXPECTED[file]:
        if word != "-":
            suggestions[file, place] = any(one[:2] == (place, check) and word in one[2] for one in told)


def test_there_are_enough_and_none_is_forgotten() -> None:
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
def test_a_huge_file_is_told_too(text, wanted, tmp_path, capsys) -> None:
    placed = project(tmp_path, "dashboards/huge.yaml")
    placed.write_text(text, encoding="utf-8")
    code, said = generate(tmp_path, capsys)
    assert code == 1
    assert wanted in said
    assert not (tmp_path / "out").exists()


def test_a_fault_in_each_of_several_files_is_told_in_one_run(tmp_path, capsys) -> None:
    for file in ("dashboards/metric.yaml", "signals/label.yaml", "alerts/severity.yaml", "dashboards/yaml_tab.yaml"):
        if not (tmp_path / "deckwatch.yaml").exists():
            project(tmp_path, file)
        shutil.copy(HERE / file, tmp_path / file)
    code, said = generate(tmp_path, capsys)
    assert code == 1
    assert len({path for path, *_ in TOLD.findall(said)}) == 4, said
