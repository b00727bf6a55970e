"""Read views: the shipped sets, and `views:` of a project, which replaces shipped views of the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core import expressions, plugins, signals, units, yaml_file
from deckwatch.core.problems import did_you_mean
from deckwatch.core.signal_lookup import UnknownSignal
from deckwatch.provisioning.views.model import SHAPES, Content, Query, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.core.yaml_file import Document, Path

KEY = "views"
_KINDS = (*SHAPES, "fields")
_DEFAULT_RANGE = "1h"


def load_views(project: Project, known: Signals) -> dict[str, View]:
    """Return all views by name. `known` are the project's signals.

    Invalid views, which `find_problems` reports, are left out.
    """
    views: dict[str, View] = {}
    for document in [*shipped_documents(), project.document]:
        for name, data in ((document.data or {}).get(KEY) or {}).items():
            try:
                content = _read_content(data, known)
            except (UnknownSignal, LookupError):
                views.pop(name, None)
                continue
            views[name] = View(name, data.get("about", ""), content, tuple(data.get("paths", ())))
    return dict(sorted(views.items()))


def shipped_documents() -> list[Document]:
    """Return the shipped sets of views, one file each."""
    folder = plugins.package_folder(plugins.import_package("provisioning"), KEY, "library")
    return [yaml_file.read_yaml(path) for path in plugins.list_files(folder, ".yaml")]


def find_problems(document: Document, known: Signals, catalog: Catalog) -> Iterator[Problem]:
    """Yield the problems of a document's views that the schema does not cover."""
    paths: dict[str, str] = {}
    for name, data in ((document.data or {}).get(KEY) or {}).items():
        yield from _find_content_problems(document, (KEY, name), data, known, catalog)
        for index, path in enumerate(data.get("paths", ())):
            if (other := paths.setdefault(path, name)) != name:
                yield document.problem((KEY, name, "paths", index), f"{path} is a path of the view {other} already")


def _read_content(data: Any, known: Signals) -> Content:
    if isinstance(data, str):
        data = {"value": data}
    if "fields" in data:
        return {name: _read_content(part, known) for name, part in data["fields"].items()}
    shape = next(shape for shape in SHAPES if shape in data)
    texts = data[shape] if isinstance(data[shape], dict) else {"": data[shape]}
    return Query(
        shape,
        {word: _build_expression(text, data.get("combine", ""), known) for word, text in texts.items()},
        units.parse_duration(data.get("range", _DEFAULT_RANGE)),
        units.parse_duration(data["step"]) if "step" in data else None,
        is_time=data.get("format") == "time",
    )


def _build_expression(text: str, combine: str, known: Signals) -> str:
    """Return the PromQL of a signal's name or of PromQL; raises UnknownSignal."""
    if signals.is_name(text):
        try:
            text = known.find_reference(text).build_expression()
        except UnknownSignal as error:
            if error.is_misused or "." in text:
                raise
    return f"{combine}({text})" if combine else text


def _find_content_problems(
    document: Document, path: Path, data: Any, known: Signals, catalog: Catalog
) -> Iterator[Problem]:
    if isinstance(data, str):
        yield from _find_text_problems(document, path, data, known, catalog)
        return
    given = [kind for kind in _KINDS if kind in data]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "found none"
        yield document.problem(path, f"expected one of {', '.join(_KINDS)}; {found}", key=True)
        return
    kind = given[0]
    for option, needed in (("range", "series"), ("step", "series"), ("combine", "value"), ("format", "value or rows")):
        if option in data and kind not in needed.split(" or "):
            yield document.problem((*path, option), f"{option} is an option of {needed}, not of {kind}", key=True)
    if kind == "fields":
        for name, part in data["fields"].items():
            yield from _find_content_problems(document, (*path, "fields", name), part, known, catalog)
        return
    texts: Mapping[Any, str] = data[kind] if isinstance(data[kind], dict) else {None: data[kind]}
    for word, text in texts.items():
        place = (*path, kind) if word is None else (*path, kind, word)
        yield from _find_text_problems(document, place, text, known, catalog)


def _find_text_problems(
    document: Document, path: Path, text: str, known: Signals, catalog: Catalog
) -> Iterator[Problem]:
    """Yield the problems of a signal's name or of PromQL."""
    if signals.is_name(text):
        try:
            known.find_reference(text)
        except UnknownSignal as error:
            if error.is_reported:
                return
            if error.is_misused or catalog.series(text) is None:
                hint = error.hint or did_you_mean(text, catalog.names())
                yield document.problem(path, error.message, hint, check="view")
        return
    yield from expressions.check_expression(document, path, 0, text, catalog)
