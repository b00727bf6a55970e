"""Parts: panels that several dashboards use, with parameters; problems are reported where they were written."""

import json
import re

import pytest

from deckwatch.core import signal_file, yaml_file
from deckwatch.dashboards.build import Settings, build_dashboards
from deckwatch.dashboards.read import files, parts
from deckwatch.dashboards.read.files import Source

PART = """\
part: Waiting work.
parameters:
  queue: {type: text, description: The queue.}
  most: {type: number, default: ~, description: More than this is too much.}
  all: {type: list, default: [a, b], description: Those that count.}
row: Waiting in ${queue}
height: 6
panels:
  - lines: depth
    where: {name: "${queue}"}
    high: ${most}
  - lines: sum(rate(container_cpu_usage_seconds_total{name="${queue}", image=~"${all}"}[$__rate_interval]))
    title: Work on ${queue}
    description: Processor time of $job.
    unit: ratio
signals:
  depth: {metric: container_processes, by: [name], about: Work that waits.}
"""


@pytest.fixture
def make(catalog, child, tmp_path):
    """Build a dashboard with the given parts; return its model, or the problems as text."""

    def run(text, *, shipped=False, **own):
        for name, content in own.items():
            path = tmp_path / "parts" / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        known = parts.list_parts(tmp_path / "parts", tmp_path)
        lent = [part.document for name in own if (part := known.find_part(name.replace("__", "/")))]
        document = yaml_file.parse_yaml(text, "shop.yaml")
        shipped_signals = [source.document for source in files.load_shipped() if not source.is_dashboard]
        signals, problems = signal_file.load_signals([*shipped_signals, document, *lent], catalog)
        source = Source(document, "shop", ("shop",), shipped)
        result = build_dashboards([source], catalog, signals, Settings(parts=known), child)
        problems = sorted({*problems, *result.problems}, key=lambda problem: problem.place)
        return [str(problem) for problem in problems] if problems else json.loads(result.artifacts[0].text)

    return run


def rows(*lines):
    return "dashboard: Shop\nrows:\n" + "".join(f"  {line}\n" for line in lines)


def test_a_part_is_a_row_among_rows_and_panels_among_panels(make):
    model = make(
        rows(
            "- {use: queue, with: {queue: mail, most: 7}}",
            "- - {use: queue, with: {queue: print}}",
            "  - stat: node_load1",
            "    height: 4",
        ),
        queue=PART,
    )
    assert [(panel["type"], panel["title"], panel["gridPos"]["y"]) for panel in model["panels"]] == [
        ("row", "Waiting in mail", 0),
        ("timeseries", "Depth", 1),
        ("timeseries", "Work on mail", 1),
        ("timeseries", "Depth", 7),
        ("timeseries", "Work on print", 7),
        ("stat", "Node load1", 7),
    ]
    _, depth, work, other, *_ = model["panels"]
    assert 'name="mail"' in depth["targets"][0]["expr"]
    assert 'name="print"' in other["targets"][0]["expr"]
    assert 'name="mail", image=~"a|b"' in work["targets"][0]["expr"]
    assert work["description"] == "Processor time of $job."
    assert [step["value"] for step in depth["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [None, 7]
    assert [step["value"] for step in other["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [None]


def test_a_use_can_set_the_title_and_state_of_its_row(make):
    (row,) = make(rows("- {use: queue, with: {queue: mail}, row: Mail, collapsed: true, height: 9}"), queue=PART)[
        "panels"
    ]
    assert (row["title"], row["collapsed"]) == ("Mail", True)
    assert {panel["gridPos"]["h"] for panel in row["panels"]} == {9}


def test_ids_stay_when_another_use_is_added_before(make):
    def numbers(*lines):
        model = make(rows(*lines), queue=PART)
        return {(panel["title"], json.dumps(panel.get("targets"))): panel["id"] for panel in model["panels"]}

    alone = numbers("- {use: queue, with: {queue: mail}}")
    both = numbers("- {use: queue, with: {queue: print}}", "- {use: queue, with: {queue: mail}}")
    assert alone.items() <= both.items()
    assert len(set(both.values())) == 6


FAULTS = {
    "- {use: queues, with: {queue: mail}}": "3:11: error: no part is called queues (did you mean queue?) [input]",
    "- {use: connections}": "3:11: error: no part is called connections (did you mean postgres/connections?) [input]",
    "- {use: postgres/conections}": (
        "3:11: error: no part is called postgres/conections (did you mean postgres/connections?) [input]"
    ),
    "- {use: queue}": "3:6: error: queue needs queue (The queue) [input]",
    "- {use: queue, with: {most: 1}}": "3:18: error: queue needs queue (The queue) [input]",
    "- {use: queue, with: {queue: a, mots: 1}}": "3:35: error: unknown key mots (did you mean most?) [input]",
    "- {use: queue, with: {queue: 7}}": "3:32: error: expected a string, not 7 [input]",
    "- {use: queue, with: {queue: a, most: many}}": "3:41: error: expected a number, not 'many' [input]",
    "- {use: queue, with: {queue: a}, title: x}": "3:36: error: unknown key title",
    "- - {use: queue, with: {queue: a}, collapsed: true}": "3:38: error: unknown key collapsed",
    "- {use: queue, with: [a]}": "3:24: error: expected a mapping (key: value), not a list [input]",
    "- - {usee: queue}": "3:8: error: unknown key usee (did you mean use?) [input]",
}


@pytest.mark.parametrize("line", FAULTS)
def test_a_problem_of_a_use_is_reported_at_its_position(make, line):
    result = make(rows(line, "- - stat: node_load1"), queue=PART)
    assert len(result) == 1, result
    assert result[0].startswith(f"shop.yaml:{FAULTS[line]}"), result


def test_a_problem_of_a_part_is_reported_in_the_part_with_each_use(make):
    broken = PART.replace("rate(container_cpu", "rat(container_cpu").replace("lines: depth", "lines: dept")
    result = make(rows("- {use: queue, with: {queue: mail}}", "- - {use: queue, with: {queue: print}}"), queue=broken)
    offset = PART.splitlines()[11].index("rate(") + 1
    for use in ("shop.yaml:3:6", "shop.yaml:4:8"):
        assert any(
            re.fullmatch(rf"parts/queue\.yaml:9:12: error: no signal .* dept \(.*; used at {use}\) .*", item)
            for item in result
        ), result
        assert any(
            item.startswith(f"parts/queue.yaml:12:{offset}: ") and item.endswith(f"used at {use}) [promql_syntax]")
            for item in result
        ), result


def test_a_position_after_a_parameter_is_that_in_the_parts_text(make):
    broken = PART.replace("image=~", "imge=~")
    (problem,) = make(rows("- {use: queue, with: {queue: a-long-name-of-a-queue}}"), queue=broken)
    column = broken.splitlines()[11].index("imge") + 1
    assert problem.startswith(f"parts/queue.yaml:12:{column}: error: ")


def test_an_invalid_value_is_reported_where_it_is_given(make):
    part = PART.replace("most: {type: number,", "most: {type: quantity,").replace(
        "by: [name]", "by: [name], unit: ratio"
    )
    (problem,) = make(rows("- {use: queue, with: {queue: a, most: 3s}}"), queue=part)
    assert problem.startswith("shop.yaml:3:41: error: "), problem


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("high: ${most}", "high: ${mots}", "11:11: error: the part has no parameter mots (did you mean most?)"),
        ("type: number", "type: nubmer", "4:16: error: unknown value 'nubmer' (did you mean number?)"),
        ("default: [a, b]", "default: a", "5:30: error: expected a list, not a string"),
        ("part: Waiting", "prat: Waiting", "1:1: error: unknown key prat (did you mean part?)"),
        ("parameters:", "takes:", "2:1: error: unknown key takes (takes was renamed to parameters)"),
        (
            "  - lines: depth\n",
            "  - use: queue\n",
            "9:5: error: a part cannot use another part (used at shop.yaml:3:6)",
        ),
        ("panels:\n", "pannels:\n", "8:1: error: unknown key pannels (did you mean panels?)"),
    ],
)
def test_an_invalid_part_is_reported_once(make, old, new, wanted):
    use = "- {use: queue, with: {queue: mail}}"
    result = make(rows(use, use.replace("mail", "print")), queue=PART.replace(old, new))
    assert any(item.startswith(f"parts/queue.yaml:{wanted}") for item in result), result


def test_a_projects_part_replaces_a_shipped_one(make):
    own = "part: Mine.\npanels:\n  - stat: node_load1\n"
    model = make(rows("- - use: postgres/connections"), postgres__connections=own)
    assert [panel["title"] for panel in model["panels"]] == ["Node load1"]


def test_every_shipped_part_can_be_used_and_filters_by_its_parameters(make):
    known = parts.list_parts()
    assert len(known.files) >= 10
    for name in known.files:
        part = known.find_part(name)
        assert part is not None, known.problems
        assert "signals" not in part.document.data, "they would be read only where it is used"
        given = ", ".join(f"{key}: the-{key}" for key in part.parameters)
        model = make(rows(f"- {{use: {name}, with: {{{given}}}, row: Row}}"))
        assert isinstance(model, dict), (name, model)
        panels = [
            target["expr"]
            for panel in model["panels"]
            for item in (panel, *panel.get("panels", []))
            for target in item.get("targets", [])
        ]
        for key in part.parameters:
            assert any(f'="the-{key}"' in expr for expr in panels), (name, key)
        assert all("the-" in expr for expr in panels), (name, panels)
