"""Distances of colours match the paper."""

import itertools

import pytest

from deckwatch.dashboards.checks.color_blind import MIN_DISTANCE
from deckwatch.dashboards.draw import colors

OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000")


# Pairs of table 1 of Sharma, Wu and Dalal (2005), among them those at which implementations differ.
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
        ((50, 0, 0), (50, 0, 0), 0),
    ],
)
def test_the_distance_matches_the_paper(first, second, expected):
    assert colors.ciede2000(first, second) == pytest.approx(expected, abs=1e-4)
    assert colors.ciede2000(second, first) == pytest.approx(expected, abs=1e-4)


def test_colours_of_okabe_and_ito_are_distinguishable():
    assert min(colors.find_min_distance(*pair)[0] for pair in itertools.combinations(OKABE_ITO, 2)) > MIN_DISTANCE


def test_red_and_green_are_not_distinguishable():
    distance, vision = colors.find_min_distance("red", "green")
    assert distance < MIN_DISTANCE
    assert vision == "deuteranopia"


def test_grey_is_grey_in_every_vision():
    for matrix in colors.VISIONS.values():
        assert [sum(row) for row in matrix] == pytest.approx([1, 1, 1], abs=1e-5)


def test_an_unknown_colour_is_infinitely_far_away():
    assert colors.find_min_distance("fixed", "red")[0] == float("inf")
    assert colors.to_linear_rgb("#fff") == colors.to_linear_rgb("#ffffff") == colors.to_linear_rgb("white")
