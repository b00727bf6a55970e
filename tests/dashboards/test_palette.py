"""Our colours: distinguishable with any colour vision, visible on dark and light, and never the only signal."""

import itertools
import json

import pytest

from deckwatch.core import signal_file
from deckwatch.dashboards.build import build_dashboards
from deckwatch.dashboards.checks.color_blind import MIN_DISTANCE
from deckwatch.dashboards.draw import colors, palette
from deckwatch.dashboards.read import files

DARK, LIGHT = "#181b1f", "#ffffff"  # what panels stand on in Grafana's two themes
WORDS = ("good", "attention", "bad", "neutral")


@pytest.fixture(scope="module")
def theme(child):
    return child.evaluate("(import 'dashboards/theme.libsonnet').colors")


@pytest.fixture(scope="module")
def shipped(catalog, child):
    found = files.load_shipped()
    signals, _ = signal_file.load_signals([one.document for one in found], catalog)
    models = [json.loads(one.text) for one in build_dashboards(found, catalog, signals, None, child).artifacts]
    return [panel for model in models for row in model["panels"] for panel in (row, *row.get("panels", []))]


def contrast(one, other):
    """As WCAG 2.1 reckons it; 3 is asked of figures and large text."""

    def light(color):
        red, green, blue = colors.to_linear_rgb(color)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_states_are_told_apart_with_any_colour_vision(theme):
    for one, other in itertools.combinations(WORDS, 2):
        assert colors.least_distance(theme[one], theme[other])[0] > MIN_DISTANCE, (one, other)


def test_grafanas_own_green_orange_and_red_are_not():
    """The reason for which they are not used."""
    assert (
        min(colors.least_distance(*pair)[0] for pair in itertools.combinations(("green", "orange", "red"), 2))
        < MIN_DISTANCE
    )


def test_series_are_told_apart_with_any_colour_vision():
    for one, other in itertools.combinations(palette.SERIES, 2):
        assert colors.least_distance(one, other)[0] > MIN_DISTANCE, (one, other)


def test_all_are_seen_on_dark_and_those_that_come_first_on_light_too(theme):
    assert all(contrast(color, DARK) >= 3 for color in (*palette.SERIES, *(theme[word] for word in WORDS)))
    assert all(contrast(color, LIGHT) >= 3 for color in (*palette.SERIES[:4], theme["good"], theme["bad"]))
    # The palette has no orange that is darker and still no vermillion; it is no fainter on light than Grafana's own.
    assert contrast(theme["attention"], LIGHT) >= contrast("orange", LIGHT)


def test_several_queries_of_one_series_each_have_the_palettes_colours(build):
    text = (
        "dashboard: Shop\nrows:\n  - - lines: [{show: sum(up), title: A}, {show: count(up), title: B}]\n"
        "      title: T\n      description: D\n"
    )
    drawn = build(text).panels["T"]["fieldConfig"]["overrides"]
    color_names = {one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"] for one in drawn}
    assert color_names == {"A": palette.BLUE, "B": palette.VERMILLION}


@pytest.mark.parametrize(
    "panel",
    [
        "lines: [up, node_load1]",  # any number of series
        "lines: [{show: sum(up), title: A, color: red}, {show: count(up), title: B}]",
        "lines: sum(up)",
    ],
)
def test_otherwise_the_choice_is_grafanas_or_the_users(build, panel):
    made = build(f"dashboard: Shop\nrows:\n  - - {panel}\n      title: T\n      description: D\n").panels["T"]
    assert made["fieldConfig"]["defaults"]["color"] == {"mode": "palette-classic"}
    assert palette.BLUE not in json.dumps(made)


def test_no_colour_is_alone(shipped):
    """Where a colour tells a state its value or its word is written, and where it tells a series, so is its name."""
    for panel in shipped:
        options = panel.get("options", {})
        if panel["type"] == "stat":
            assert options["textMode"] != "none", panel["title"]
        if panel["type"] in ("state-timeline", "status-history"):
            assert options["showValue"] != "never", panel["title"]
        if panel["type"] in ("timeseries", "barchart") and len(panel["targets"]) > 1:
            assert options["legend"]["showLegend"], panel["title"]
        for mapping in panel.get("fieldConfig", {}).get("defaults", {}).get("mappings", []):
            results = [mapping["options"]["result"]] if "result" in mapping["options"] else mapping["options"].values()
            assert all(one["text"] for one in results), panel["title"]
