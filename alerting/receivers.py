"""Kinds of receivers.

Each is one Jsonnet file in `library/receivers/` with these fields:

- `options`: the JSON Schema of its options in `deckwatch.yaml`;
- `examples`: options of as many receivers as it takes to use every option once, for the tests;
- `build(options, target)`: the fields of an Alertmanager receiver;
- `texts`: the message templates it uses, optional;
- `needs`: the oldest version of Alertmanager that has the kind, optional;
- `since`: the oldest version for single options, optional;
- `plain`: options that hold no secret although their name suggests one, optional.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.alerting import watchdog
from deckwatch.alerting.render_rules import library_folder
from deckwatch.alerting.routes import NON_RECEIVER_KEYS
from deckwatch.core import plugins
from deckwatch.core.json_types import walk_leaves
from deckwatch.core.problems import DeckwatchError, Problem, did_you_mean
from deckwatch.core.schema import Schema
from deckwatch.core.targets import PROGRAMS, parse_version
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.targets import Targets

_FOLDER = "alerting/library/receivers"
_SECRET_NAME = re.compile(r"(^|_)(key|token|password|secret)$")
_FIELDS = """
local kinds = %s;
{
  [kind]: {
    options: std.get(kinds[kind], 'options', {}),
    examples: std.get(kinds[kind], 'examples', []),
    needs: std.get(kinds[kind], 'needs', ''),
    since: std.get(kinds[kind], 'since', {}),
    plain: std.get(kinds[kind], 'plain', []),
    fields: std.objectFieldsAll(kinds[kind]),
  }
  for kind in std.objectFields(kinds)
}
"""
# The required fields, with the line to write for each.
_REQUIRED = {
    "options": "options: option.of('A channel in NAME.', ['url_file'], { url_file: option.file('the address') }),",
    "examples": "examples: [{ url_file: '/run/secrets/NAME' }],",
    "build": "build(options, target): { NAME_configs: [option.notify_flags(options) { url_file: options.url_file }] },",
}


@dataclass(frozen=True)
class ReceiverKind:
    """A receiver file's declarations; `needs` is the oldest version of Alertmanager that has the kind."""

    name: str
    options: dict[str, object]
    examples: Sequence[Mapping[str, object]]
    needs: str
    since: Mapping[str, str]
    plain: Sequence[str]
    fields: frozenset[str]

    @property
    def option_names(self) -> list[str]:
        """The names of its options."""
        properties = self.options.get("properties", {})
        return list(properties) if isinstance(properties, dict) else []

    def missing_lines(self) -> list[str]:
        """Return the lines that its file still needs."""
        lines = [text.replace("NAME", self.name) for field, text in _REQUIRED.items() if field not in self.fields]
        if "examples" in self.fields:
            used = {option for example in self.examples for option in example}
            lines += [
                f"examples: [..., {{ {option}: ... }}],  // no example uses {option}"
                for option in self.option_names
                if option not in used and option != "resolved"
            ]
        for option in self.option_names:
            if _SECRET_NAME.search(option) and option not in self.plain:
                lines.append(f"{option}_file: option.file('the {option}'),  // instead of {option}, if it is a secret")
                lines.append(f"plain: ['{option}'],  // if it is not")
        return lines


class ReceiverKinds:
    """The kinds of receivers by name; `table` is the Jsonnet object of their files.

    Raises DeckwatchError where files are incomplete, with every line that each of them needs.
    """

    def __init__(self, renderer: Renderer, table: str = "") -> None:
        if table:
            declared = renderer.evaluate(_FIELDS % table)
        else:
            declared = renderer.evaluate_shipped("receivers", _FIELDS % jsonnet_table())
        oldest = PROGRAMS["alertmanager"].oldest
        self.kinds: Mapping[str, ReceiverKind] = {
            name: ReceiverKind(
                name,
                data["options"],
                data["examples"],
                max(data["needs"] or oldest, oldest, key=parse_version),
                data["since"],
                data["plain"],
                frozenset(data["fields"]),
            )
            for name, data in declared.items()
        }
        incomplete = {name: lines for name, kind in self.kinds.items() if (lines := kind.missing_lines())}
        if incomplete:
            texts = [
                f"{_FOLDER}/{name}.libsonnet is incomplete; add:" + "".join(f"\n  {line}" for line in lines)
                for name, lines in incomplete.items()
            ]
            raise DeckwatchError("\n".join(texts))

    def options_schema(self) -> dict[str, dict[str, object]]:
        """Return the JSON Schema properties of a team for all kinds of receivers."""
        return {name: kind.options for name, kind in self.kinds.items()}

    def find_problems(self, document: Document, targets: Targets) -> Iterator[Problem]:
        """Yield problems of the receivers of teams and of the watchdog, for the target version of Alertmanager."""
        data = document.data or {}
        groups: list[tuple[tuple[str, ...], Collection[str], Collection[str]]] = [
            (("teams", team), options, NON_RECEIVER_KEYS) for team, options in data.get("teams", {}).items()
        ]
        groups.append(((watchdog.KEY,), data.get(watchdog.KEY, ()), watchdog.OPTIONS))
        for parent, keys, others in groups:
            for key in keys:
                path = (*parent, key)
                if key in others:
                    continue
                if key not in self.kinds:
                    known = sorted([*self.kinds, *others])
                    yield document.problem(path, f"unknown key {key}", did_you_mean(key, known), key=True)
                    continue
                yield from _option_problems(self.kinds[key], document, path, targets)


def _option_problems(
    kind: ReceiverKind, document: Document, path: tuple[str, ...], targets: Targets
) -> Iterator[Problem]:
    options = document.value_at(path)
    yield from Schema(kind.options).find_problems(_document_at(document, path))
    for inner, text in walk_leaves(options):
        if isinstance(text, str) and "{{" in text:
            message = (
                f"{'.'.join(map(str, inner))} contains {{{{, the beginning of a template, which Alertmanager expands"
            )
            yield document.problem((*path, *inner), message, "write the text itself", check="template")
    yield from targets.problems_if_older("alertmanager", kind.needs, kind.name, document.place(path, key=True))
    for option, since in kind.since.items():
        if isinstance(options, dict) and option in options:
            place = document.place((*path, option), key=True)
            yield from targets.problems_if_older("alertmanager", since, f"{option} of {kind.name}", place)


def jsonnet_table() -> str:
    """Return the Jsonnet object of receiver files by kind: Jsonnet cannot list a folder."""
    names = [path.stem for path in plugins.list_files(library_folder() / "receivers", ".libsonnet")]
    return "{" + ", ".join(f"{name}: import 'alerting/receivers/{name}.libsonnet'" for name in names) + "}"


def _document_at(document: Document, path: tuple[str, ...]) -> Document:
    """Return the value at a path as a document of its own, with its original places."""
    count = len(path)
    part = Document(document.file, document.text, document.value_at(path))
    part.keys = {key[count:]: place for key, place in document.keys.items() if key[:count] == path}
    part.values = {key[count:]: place for key, place in document.values.items() if key[:count] == path}
    return part
