"""The parts of `export-data` that need no server; tests/live/test_export_data.py exports from one."""

import csv
import io
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core.problems import DeckwatchError, Unreachable
from deckwatch.core.time_points import load_zone
from deckwatch.provisioning.data_export import formats
from deckwatch.provisioning.data_export.column_growth import write_padded
from deckwatch.provisioning.data_export.partial_file import PartialFile, Progress
from deckwatch.provisioning.data_export.range_reader import split_series

UTC = load_zone("UTC")
NASTY = ['},{"metric":{', '[{"metric":{', '"]', "\\", '"', ",", "\n", "\r", "{", "}", "=", "é", "a", "'", " ", "]}"]
TEXTS = st.lists(st.sampled_from(NASTY), max_size=8).map("".join) | st.text(st.characters(exclude_categories=("Cs",)))
LABELS = st.dictionaries(st.sampled_from(["a", "b", "value", "time", "label_time", "__name__"]), TEXTS, max_size=4)


@given(st.lists(LABELS, max_size=5), st.integers(1, 40))
def test_series_are_split_wherever_blocks_end(labels, size):
    found = [{"metric": each, "values": [[1.5, "2"], [3, "NaN"]]} for each in labels]
    text = orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": found}, "warnings": ["w"]})
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(split_series(blocks)) == found


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"{}", b"[]", b'{"status":"success","data":{"result":[{"metric":{"a":"b"']
)
def test_a_response_that_is_no_matrix_is_reported(text):
    with pytest.raises(Unreachable):
        list(split_series([text]))


@given(LABELS)
def test_csv_keeps_every_label_except_for_the_mark_on_formulas(labels):
    row_format = formats.create_format("csv", UTC)
    columns = sorted(labels)
    text = row_format.header(columns) + row_format.time_text("2026") + "1" + row_format.row_end(labels, columns)
    header, row = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert len(set(header)) == len(header) == len(columns) + 2
    for label, cell in zip(columns, row[2:], strict=True):
        assert cell.removeprefix("'") == labels[label].removeprefix("'")
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_a_formula_is_neutralised_in_csv_only(formula):
    labels = {"a": formula}
    cell = next(csv.reader([formats.create_format("csv", UTC).row_end(labels, ["a"])]))[1]
    assert cell == f"'{formula}"
    assert json.loads("{" + formats.create_format("json", UTC).row_end(labels, [])[1:])["labels"] == labels


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1), st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1))
def test_rows_before_a_new_column_get_an_empty_cell(tmp_path_factory, before, after):
    row_format = formats.create_format("parquet", UTC)
    folder = tmp_path_factory.mktemp("padded")
    first = [f"t,1{row_format.row_end(dict(zip('ab', row, strict=True)), ['a', 'b'])}" for row in before]
    second = [f"t,1{row_format.row_end(dict(zip('abc', row, strict=True)), ['a', 'b', 'c'])}" for row in after]
    start = row_format.header(["a", "b"]) + "".join(first)
    (folder / "rows").write_bytes((start + "".join(second)).encode())
    write_padded(folder / "rows", folder / "all", b"time,value,a,b,c\n", [(len(start.encode()), 2)], 3)
    found = list(csv.reader(io.StringIO((folder / "all").read_bytes().decode(), newline=""), strict=True))
    assert found[1:] == [["t", "1", *row, ""] for row in before] + [["t", "1", *row] for row in after]


def open_partial(path, **options):
    return PartialFile(path, {"query": options.pop("query", "up")}, [0, 1, 2], **options)


def test_rows_that_were_not_committed_are_dropped_when_it_continues(tmp_path):
    path = tmp_path / "data.csv"
    with open_partial(path) as partial:
        partial.append(b"kept\n")
        partial.commit(Progress(1))
        partial.append(b"lost")
        partial.save()
    with open_partial(path) as partial:
        assert partial.is_continued
        assert partial.progress == Progress(1, offset=5)
        partial.append(b"more\n")
        partial.complete(lambda _rows, _target: False)
    assert path.read_bytes() == b"kept\nmore\n"
    assert [each.name for each in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"data.csv": "mine"}, "exists"),
        ({"data.csv.partial": "mine"}, "not that of an export"),
        ({"data.csv.partial": "mine", "data.csv.partial.json": "{}"}, "not that of an export"),
        ({"data.csv.partial": "mine", "data.csv.partial.json": "\x00"}, "not that of an export"),
    ],
)
def test_a_file_of_others_is_left_alone(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DeckwatchError, match=message):
        open_partial(tmp_path / "data.csv")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == files


def test_rows_of_another_export_are_left_alone(tmp_path):
    path = tmp_path / "data.csv"
    with open_partial(path) as partial:
        partial.append(b"kept\n")
        partial.commit(Progress(1))
        partial.save()
    with pytest.raises(DeckwatchError, match="query differs"):
        open_partial(path, query="down")
    assert (tmp_path / "data.csv.partial").read_bytes() == b"kept\n"


def test_two_processes_do_not_write_the_same_file(tmp_path):
    path = tmp_path / "data.csv"
    with open_partial(path), pytest.raises(DeckwatchError, match="another process"):
        open_partial(path)


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "data.csv"
    with open_partial(path) as partial:
        partial.append(b"rows\n")
        path.write_text("mine")
        with pytest.raises(DeckwatchError, match="created meanwhile"):
            partial.complete(lambda _rows, _target: False)
    assert path.read_text() == "mine"
    assert (tmp_path / "data.csv.partial").read_bytes() == b"rows\n"


def test_a_missing_folder_and_a_folder_are_reported(tmp_path):
    with pytest.raises(DeckwatchError, match="is a folder"):
        open_partial(tmp_path)
    with pytest.raises(DeckwatchError, match="is not a folder"):
        open_partial(tmp_path / "none" / "data.csv")
