"""Reads one panel and its queries from the mapping in a dashboard file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import JsonObject, as_object, as_text
from deckwatch.dashboards.read.options import Options
from deckwatch.dashboards.read.part_origin import NO_PART
from deckwatch.dashboards.read.spec import LANGUAGES, PER_ROW, THRESHOLDS, LinkSpec, PanelSpec, QuerySpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from deckwatch.core.json_types import JsonValue, StrictMapping
    from deckwatch.core.yaml_file import Document, Path
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.part_origin import PartOrigin

# Options that the Jsonnet library takes unchanged.
_LIBRARY_OPTIONS = (
    "decimals",
    "colors",
    "no_data_text",
    "by",
    "raw",
    "range",
    "shift",
    "min_interval",
    "max_points",
    "transform",
)
_QUANTITIES = (*THRESHOLDS, "min", "max", "target")
_DRAWING = ("negative_y", "as", "decimals", "style", "axis", "color", "hidden", "width", "query_type")


def read_panel(
    panel_type: PanelType,
    keyword: str,
    data: StrictMapping,
    document: Document,
    path: Path,
    *,
    needs: tuple[str, ...] = (),
    origin: PartOrigin = NO_PART,
) -> PanelSpec:
    """Return a panel; `needs` are the metrics that its row and dashboard need."""
    options = Options(data)
    queries = tuple(_read_queries(panel_type, keyword, data, path))
    foreign = tuple(query for query in queries if query.keyword in LANGUAGES)
    if "needs" in options:
        needs = (*needs, options.get_text("needs"))
    return PanelSpec(
        keyword,
        panel_type,
        data[keyword],
        document,
        path,
        () if foreign else queries,
        foreign,
        options={key: value for key, value in data.items() if key in panel_type.options},
        library_options=options.select(_LIBRARY_OPTIONS),
        needs=needs,
        origin=origin,
        quantities=options.get_quantities(_QUANTITIES),
        **_read_options(options, data),
    )


def _read_options(options: Options, keys: Iterable[str]) -> JsonObject:
    """Return the fields for those of the common options that a panel has; most panels have few."""
    return {_READERS[key][0]: _READERS[key][1](options, key) for key in keys if key in _READERS}


def _read_width(options: Options, key: str) -> int | str | None:
    return options.get_number(key) or options.get_optional_text(key)


def _read_series(options: Options, key: str) -> StrictMapping:
    return {name: as_object(looks) for name, looks in options.get_object(key).items()}


def query_keyword(data: JsonValue) -> str:
    """Return the keyword of a query's text: the language of another data source, or `show`."""
    return next((language for language in LANGUAGES if language in data), "show") if isinstance(data, dict) else "show"


def _read_links(options: Options, key: str) -> Iterator[LinkSpec]:
    for data in options.get_objects(key):
        link = Options(data)
        yield LinkSpec(
            link.get_text("title"), link.get_text("dashboard"), link.get_text("url"), link.get_flag("new_tab")
        )


def _read_queries(panel_type: PanelType, keyword: str, data: StrictMapping, path: Path) -> Iterator[QuerySpec]:
    if not panel_type.queries:
        return
    content = data[keyword]
    if isinstance(content, list):
        yield from (_read_query(query, (*path, keyword, i)) for i, query in enumerate(content))
        return
    yield _read_query(content, (*path, keyword))
    if panel_type.queries == "graph" and "nodes" in data:
        yield _read_query(data["nodes"], (*path, "nodes"))


def _read_query(data: JsonValue, path: Path) -> QuerySpec:
    if not isinstance(data, dict):
        return QuerySpec(as_text(data), path, path)
    keyword = query_keyword(data)
    options = Options(data)
    return QuerySpec(
        options.get_text(keyword),
        (*path, keyword),
        path,
        keyword,
        title=options.get_optional_text("title"),
        legend=options.get_optional_text("legend"),
        unit=options.get_text("unit"),
        by=options.get_optional_texts("by"),
        where=options.get_object("where"),
        quantities=options.get_quantities(THRESHOLDS),
        bad=options.get_text("bad"),
        values=options.get_object("values"),
        link=options.get_text("link"),
        color=options.get_text("color"),
        empty=options.get_text("empty"),
        agrees_with=options.get_text("agrees_with"),
        unscoped="unscoped" in options,
        drawing=options.select(_DRAWING),
    )


# The fields of the common options, each with the function that reads it.
_READERS: Mapping[str, tuple[str, Callable[[Options, str], object]]] = {
    "id": ("id", Options.get_optional_text),
    "title": ("title", Options.get_optional_text),
    "description": ("description", Options.get_optional_text),
    "width": ("width", _read_width),
    "height": ("height", Options.get_number),
    "unit": ("unit", Options.get_text),
    "bad": ("bad", Options.get_text),
    "values": ("values", Options.get_object),
    "legend": ("legend", Options.get_optional_text),
    "by": ("by", Options.get_optional_texts),
    "where": ("where", Options.get_object),
    "top": ("top", Options.get_number),
    "lowest": ("lowest", Options.get_number),
    "colors": ("colors", Options.get_text_map),
    "series": ("series", _read_series),
    "transform": ("transformations", lambda options, key: tuple(options.get_objects(key))),
    "for each": ("repeat", Options.get_text),
    "per_row": ("per_row", lambda options, key: options.get_number(key) or PER_ROW),
    "link": ("link", Options.get_text),
    "label_links": ("label_links", Options.get_text_map),
    "links": ("links", lambda options, key: tuple(_read_links(options, key))),
    "empty": ("empty", Options.get_text),
    "agrees_with": ("agrees_with", Options.get_text),
    "unscoped": ("unscoped", Options.__contains__),
    "allow": ("allow", lambda options, key: tuple(options.get_object(key))),
    "raw": ("raw", Options.get_object),
}
