"""Kinds of receivers: each is a Jsonnet file that declares its options and shapes them for Alertmanager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.alerting.render_rules import library_folder
from deckwatch.core import plugins
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.schema import Schema
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.targets import Targets

NON_RECEIVER_KEYS = frozenset(("hours", "quiet"))  # what else is said of a team


class ReceiverKinds:
    """The kinds of receivers by name, as their files declare them."""

    def __init__(self, renderer: Renderer) -> None:
        declared = renderer.evaluate(
            f"local all = {jsonnet_table()};"
            " { [k]: { options: all[k].options, since: all[k].since, needs: std.get(all[k], 'needs', '') }"
            " for k in std.objectFields(all) }"
        )
        self.options: Mapping[str, dict[str, Any]] = {name: one["options"] for name, one in declared.items()}
        self.since: Mapping[str, Mapping[str, str]] = {name: one["since"] for name, one in declared.items()}
        self.needs: Mapping[str, str] = {name: one["needs"] for name, one in declared.items() if one["needs"]}

    def options_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a team's receivers: its properties, to be laid beside `hours`."""
        return dict(self.options)

    def find_problems(self, document: Document, targets: Targets) -> Iterator[Problem]:
        """Yield what is wrong with the receivers of the project's teams, for the target's version of Alertmanager."""
        for team, said in (document.data or {}).get("teams", {}).items():
            for kind in said:
                path = ("teams", team, kind)
                if kind in NON_RECEIVER_KEYS:
                    continue
                if kind not in self.options:
                    known = sorted([*self.options, *NON_RECEIVER_KEYS])
                    yield document.problem(path, f"unknown key {kind}", did_you_mean(kind, known), key=True)
                    continue
                yield from self._option_problems(document, path, targets)

    def _option_problems(self, document: Document, path: tuple[str, ...], targets: Targets) -> Iterator[Problem]:
        kind, options = path[-1], document.data["teams"][path[1]][path[2]]
        yield from Schema(self.options[kind]).find_problems(_document_at(document, path))
        if kind in self.needs:
            yield from targets.problems_if_older("alertmanager", self.needs[kind], kind, document.place(path, key=True))
        for option, since in self.since[kind].items():
            if isinstance(options, dict) and option in options:
                place = document.place((*path, option), key=True)
                yield from targets.problems_if_older("alertmanager", since, f"{option} of {kind}", place)


def jsonnet_table() -> str:
    """Return the Jsonnet table of receiver files: Jsonnet cannot list a folder."""
    names = [path.stem for path in plugins.list_files(library_folder() / "receivers", ".libsonnet")]
    return "{" + ", ".join(f"{name}: import 'alerting/receivers/{name}.libsonnet'" for name in names) + "}"


def _document_at(document: Document, path: tuple[str, ...]) -> Document:
    """Return a document that is what stands at a path of another, with the places of that one."""
    data: Any = document.data
    for step in path:
        data = data[step]
    count = len(path)
    part = Document(document.file, document.text, data)
    part.keys = {key[count:]: place for key, place in document.keys.items() if key[:count] == path}
    part.values = {key[count:]: place for key, place in document.values.items() if key[:count] == path}
    return part
