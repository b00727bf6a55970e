"""What Grafana supports from which version on, read from `grafana_versions.yaml`; the reference is written from it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from deckwatch.core import yaml_file
from deckwatch.core.json_types import as_object, as_objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.json_types import JsonValue
    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.targets import Targets

DATA = Path(__file__).with_name("grafana_versions.yaml")

Kind = Literal[
    "forms", "schema_versions", "files", "apis", "layouts", "panels", "transformations", "variables", "options"
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that not every version of Grafana has.

    `since` is the first version with it, `until` the first without it again; '' where there is none. An option has a
    dotted path as its name and the `panel` type that has it, '' for all; without the option a panel behaves as with
    the `default`, and earlier versions read the option `older` instead. A panel is as useful without an option that is
    `optional`. `source` is the evidence.
    """

    name: str
    source: str
    panel: str = ""
    since: str = ""
    until: str = ""
    default: JsonValue = None
    older: str = ""
    optional: bool = False
    note: str = ""

    def find_problems(self, targets: Targets, what: str, place: Place) -> Iterator[Problem]:
        """Yield a problem if the target version of Grafana lacks this; `what` is its name in the message."""
        if self.since:
            yield from targets.problems_if_older("grafana", self.since, what, place)
        if self.until:
            yield from targets.problems_if_newer("grafana", self.until, what, place)

    def is_in(self, targets: Targets) -> bool:
        """Return whether the target version of Grafana has this."""
        if not self.since and not self.until:
            return False
        return (not self.since or targets.supports("grafana", self.since)) and (
            not self.until or not targets.supports("grafana", self.until)
        )


@functools.cache
def load_features() -> Mapping[Kind, Sequence[Feature]]:
    """Return all features by kind, in the file's order."""
    data = as_object(yaml_file.read_yaml(DATA).data)
    known = {field.name for field in fields(Feature)}
    return {
        kind: tuple(
            Feature(**{key: value for key, value in entry.items() if key in known})  # type: ignore[arg-type]
            for entry in as_objects(data[kind])
        )
        for kind in KINDS
    }


def find_feature(kind: Kind, name: str) -> Feature | None:
    """Return the feature of a name; None if every supported version has it, or none is known to."""
    return _index_by_name(kind).get(name)


def get_feature(kind: Kind, name: str) -> Feature:
    """Return the feature of a name that is in the file; raises KeyError otherwise."""
    return _index_by_name(kind)[name]


@functools.cache
def list_options(panel: str) -> Sequence[Feature]:
    """Return the options of a panel type of Grafana that are newer than the oldest supported version."""
    return tuple(feature for feature in load_features()["options"] if feature.panel in ("", panel))


@functools.cache
def _index_by_name(kind: Kind) -> Mapping[str, Feature]:
    return {feature.name: feature for feature in load_features()[kind]}
