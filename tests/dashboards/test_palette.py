"""The palette: distinguishable with any colour vision, visible on dark and light, never the only information."""

import itertools
import json

import pytest

from deckwatch.core import signal_file
from deckwatch.dashboards.build import build_dashboards
from deckwatch.dashboards.checks.color_blind import MIN_DISTANCE
from deckwatch.dashboards.draw import colors, palette
from deckwatch.dashboards.read import files

DARK, LIGHT = "#181b1f", "#ffffff"  # panel backgrounds of Grafana's two themes
WORDS = ("good", "attention", "bad", "neutral")


@pytest.fixture(scope="module")
def theme(child):
    return child.evaluate("(import 'dashboards/theme.libsonnet').colors")


@pytest.fixture(scope="module")
def shipped(catalog, child):
    sources = files.load_shipped()
    signals, _ = signal_file.load_signals([item.document for item in sources], catalog)
    models = [
        json.loads(artifact.text) for artifact in build_dashboards(sources, catalog, signals, None, child).artifacts
    ]
    return [panel for model in models for row in model["panels"] for panel in (row, *row.get("panels", []))]


def contrast(first, second):
    """Return the contrast as defined by WCAG 2.1, which requires 3 for graphics and large text."""

    def luminance(color):
        red, green, blue = colors.to_linear_rgb(color)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_state_colours_are_distinguishable_with_any_colour_vision(theme):
    for first, second in itertools.combinations(WORDS, 2):
        assert colors.find_min_distance(theme[first], theme[second])[0] > MIN_DISTANCE, (first, second)


def test_grafanas_green_orange_and_red_are_not_distinguishable():
    """This is why they are not used."""
    assert (
        min(colors.find_min_distance(*pair)[0] for pair in itertools.combinations(("green", "orange", "red"), 2))
        < MIN_DISTANCE
    )


def test_series_colours_are_distinguishable_with_any_colour_vision():
    for first, second in itertools.combinations(palette.SERIES, 2):
        assert colors.find_min_distance(first, second)[0] > MIN_DISTANCE, (first, second)


def test_colours_have_contrast_on_dark_and_the_first_ones_on_light(theme):
    assert all(contrast(color, DARK) >= 3 for color in (*palette.SERIES, *(theme[word] for word in WORDS)))
    assert all(contrast(color, LIGHT) >= 3 for color in (*palette.SERIES[:4], theme["good"], theme["bad"]))
    # A darker orange would be vermillion; on light, this one has at least the contrast of Grafana's orange.
    assert contrast(theme["attention"], LIGHT) >= contrast("orange", LIGHT)


def test_several_queries_of_one_series_each_have_the_palettes_colours(build):
    text = (
        "dashboard: Shop\nrows:\n  - - lines: [{show: sum(up), title: A}, {show: count(up), title: B}]\n"
        "      title: T\n      description: D\n"
    )
    drawn = build(text).panels["T"]["fieldConfig"]["overrides"]
    result = {override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"] for override in drawn}
    assert result == {"A": palette.BLUE, "B": palette.VERMILLION}


@pytest.mark.parametrize(
    "panel",
    [
        "lines: [up, node_load1]",  # any number of series
        "lines: [{show: sum(up), title: A, color: red}, {show: count(up), title: B}]",
        "lines: sum(up)",
    ],
)
def test_otherwise_colours_are_grafanas_or_the_users(build, panel):
    result = build(f"dashboard: Shop\nrows:\n  - - {panel}\n      title: T\n      description: D\n").panels["T"]
    assert result["fieldConfig"]["defaults"]["color"] == {"mode": "palette-classic"}
    assert palette.BLUE not in json.dumps(result)


def test_no_meaning_is_conveyed_by_colour_alone(shipped):
    """Next to a colour, the value or text of a state, or the name of a series, is always shown."""
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
            assert all(item["text"] for item in results), panel["title"]
