from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.dashboards.draw import layout, screens
from deckwatch.dashboards.draw.layout import COLUMNS, Box
from deckwatch.dashboards.model import ScreenVariant
from deckwatch.dashboards.panel_types import GrafanaPanel, PanelType

STAT = PanelType(
    "stat", {}, {}, {}, "instant", 4, 3, {}, grafana=GrafanaPanel("stat", "Stat", public=True, figure=True)
)

MAX_HEIGHT = 12


def box_of(number):
    """Return the box for a number: drawing a single number makes examples three times as fast."""
    number, width = divmod(number, COLUMNS + 1)
    height, least = divmod(number, COLUMNS)
    return Box(width=width or None, height=height + 1, min_width=least + 1)


boxes = st.lists(
    st.integers(0, (COLUMNS + 1) * COLUMNS * MAX_HEIGHT - 1).map(box_of),
    min_size=1,
    max_size=30,
)


def cells(spot):
    return {(x, y) for x in range(spot.x, spot.x + spot.w) for y in range(spot.y, spot.y + spot.h)}


@given(st.lists(boxes, min_size=1, max_size=4))
def test_nothing_overlaps_or_leaves_the_grid_and_order_is_kept(rows):
    top, taken, before = 0, set(), (-1, -1)
    for row in rows:
        spots, below = layout.place_row(row, top)
        assert len(spots) == len(row)
        for box, spot in zip(row, spots, strict=True):
            assert spot.x >= 0
            assert spot.w >= 1
            assert spot.x + spot.w <= COLUMNS
            assert top <= spot.y < below
            assert spot.h >= box.height
            assert box.width is None or spot.w == box.width
            assert not cells(spot) & taken
            taken |= cells(spot)
            assert (spot.y, spot.x) > before
            before = (spot.y, spot.x)
        top = below


@given(boxes)
def test_a_line_without_widths_is_full_and_has_no_holes(row):
    row = [Box(None, box.height, box.min_width) for box in row]
    spots, below = layout.place_row(row, 0)
    covered = set().union(*map(cells, spots))
    assert covered == {(x, y) for x in range(COLUMNS) for y in range(below)}


@given(boxes)
def test_a_line_with_an_open_width_is_full(row):
    spots, _ = layout.place_row(row, 0)
    for y in {spot.y for spot in spots}:
        line = [(box, spot) for box, spot in zip(row, spots, strict=True) if spot.y == y]
        if any(box.width is None for box, _ in line):
            assert sum(spot.w for _, spot in line) == COLUMNS


def test_tiles_that_need_two_lines_share_them_evenly():
    spots, _ = layout.place_row([Box(None, 4, 3)] * 10, 0)
    assert [spot.w for spot in spots] == [5, 5, 5, 5, 4] * 2


def test_widths_are_words_or_columns():
    assert [layout.parse_width(width) for width in ("half", "third", 7, None)] == [12, 8, 7, None]


@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(boxes, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_both_layouts_hold_their_guarantees_for_any_rows(rows, phone, large):
    """Panels do not overlap or leave the 24 columns, full rows have no gaps, and the order is kept."""
    variant = ScreenVariant(phone=phone, large=large)
    top, taken, before = 0, 0, (-1, -1)
    for row in rows:
        spots, below = screens.place_panels(variant, [screens.enlarge_box(variant, box, STAT) for box in row], top)
        assert len(spots) == len(row)
        for box, spot in zip(row, spots, strict=True):
            assert spot.x >= 0
            assert spot.w >= 1
            assert spot.x + spot.w <= COLUMNS
            assert top <= spot.y
            assert spot.y + spot.h <= below
            assert spot.h >= box.height
            assert (spot.y, spot.x) > before
            before = (spot.y, spot.x)
            for y in range(spot.y, spot.y + spot.h):  # a bit for each cell of the grid
                cells_ = ((1 << spot.w) - 1) << (y * COLUMNS + spot.x)
                assert not cells_ & taken
                taken |= cells_
        if phone:
            assert [spot.w for spot in spots] == [COLUMNS] * len(spots)
        for y in {spot.y for spot in spots}:
            line = [(box, spot) for box, spot in zip(row, spots, strict=True) if spot.y == y]
            if phone or any(box.width is None for box, _ in line):
                assert sum(spot.w for _, spot in line) == COLUMNS
        top = below
