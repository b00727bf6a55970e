"""The values that Grafana's query variables offer: which query finds them, and what a choice puts into an expression.

https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core.json_types import as_list, as_object, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deckwatch.core.json_types import StrictMapping

_LABEL_VALUES = re.compile(r"label_values\(\s*(?:(?P<series>.+?)\s*,)?\s*(?P<label>[a-zA-Z_]\w*)\s*\)\Z", re.DOTALL)
_METRICS = re.compile(r"metrics\(\s*(?P<pattern>.+?)\s*\)\Z", re.DOTALL)
_QUERY_RESULT = re.compile(r"query_result\(\s*(?P<expr>.+?)\s*\)\Z", re.DOTALL)
_REGEX = re.compile(r"/(?P<pattern>.*)/(?P<flags>[a-z]*)\Z", re.DOTALL)
_NAMED_GROUP = re.compile(r"\(\?<(?=\w)")
_SPECIAL = re.compile(r"[\\^$*{}\[\]'+?.()|]")


class OfferQuery(NamedTuple):
    """PromQL whose series carry the values in `label`; where that is '', the series as text are the values."""

    expr: str
    label: str


@dataclass(frozen=True, slots=True)
class Offer:
    """How the values of a variable are formed: `regex` selects them, and with `several` many are chosen at once."""

    name: str
    label: str
    regex: str = ""
    several: bool = True

    def find_values(self, series: Iterable[StrictMapping]) -> list[str]:
        """Return the values in a result of Prometheus' API, sorted."""
        texts = {text for item in series if (text := self._series_text(item))}
        return sorted(set(_select_texts(texts, self.regex)))

    def _series_text(self, item: StrictMapping) -> str:
        labels = as_object(item.get("metric"))
        if self.label:
            return as_text(labels.get(self.label))
        pairs = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()) if label != "__name__")
        time_and_value = " ".join(str(part) for part in reversed(as_list(item.get("value"))))
        return f"{as_text(labels.get('__name__'))}{{{pairs}}} {time_and_value}"


def parse_offer_query(variable: StrictMapping) -> OfferQuery | None:
    """Return the PromQL of a query variable in Grafana's model; None where it is of another form or data source."""
    source, query = variable.get("datasource"), variable.get("query")
    text = as_text(as_object(query).get("query") if isinstance(query, dict) else query).strip()
    if as_object(source).get("type") not in (None, "", "prometheus"):
        return None
    if match := _LABEL_VALUES.match(text):
        label = match["label"]
        return OfferQuery(f'group by ({label}) ({match["series"] or f"""{{{label}!=""}}"""})', label)
    if match := _METRICS.match(text):
        return OfferQuery(f'group by (__name__) ({{__name__=~".*({match["pattern"]}).*"}})', "__name__")
    if match := _QUERY_RESULT.match(text):
        return OfferQuery(match["expr"], "")
    return None


def describe_offer(variable: StrictMapping, label: str) -> Offer:
    """Return how a query variable of Grafana's model forms its values."""
    several = bool(variable.get("multi")) or bool(variable.get("includeAll"))
    return Offer(as_text(variable.get("name")), label, as_text(variable.get("regex")), several)


def _select_texts(texts: Iterable[str], regex: str) -> Iterator[str]:
    """Yield the part of each text that Grafana's filter captures: its first group, or all of it."""
    match = _REGEX.match(regex)
    pattern = match["pattern"] if match else f"^{regex}$"
    flags = re.IGNORECASE if match and "i" in match["flags"] else re.NOFLAG
    try:
        compiled = re.compile(_NAMED_GROUP.sub("(?P<", pattern) if regex else "", flags)
    except re.error:  # JavaScript's syntax that Python lacks
        compiled = re.compile("")
    for text in texts:
        if not compiled.pattern:
            yield text
        elif found := compiled.search(text):
            groups = [found.groupdict().get("value"), *found.groups(), found[0]]
            yield next(group for group in groups if group is not None)


def format_choice(values: Sequence[str], *, several: bool) -> str:
    """Return the text that Grafana puts into an expression for values, escaped for a regular expression in a string.

    Without `several` only one value can be chosen, and it is the first.
    """
    if not several:
        return values[0].replace("\\", "\\\\")
    escaped = [_SPECIAL.sub(lambda match: "\\\\" + match[0], value.replace("\\", "\\\\")) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
