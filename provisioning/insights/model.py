"""The model of insights: a Rule finds subjects in Prometheus and says about each of them one sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from deckwatch.alerting.model import SEVERITIES, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.alerting.model import InputSeries
    from deckwatch.core.yaml_file import Document, Path

Benefit = Literal["reliability", "speed", "cost", "attention"]
Audience = Literal["operations", "development", "management"]

BENEFITS: tuple[Benefit, ...] = get_args(Benefit)
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
VALUE, RANGE = "value", "range"  # fields of every sentence
SHOWN = 5  # subjects of a rule, by default


@dataclass(frozen=True, slots=True)
class Quantity:
    """A further field of a sentence: the value of an expression in `unit`, or the value of its series' `label`."""

    expr: str
    unit: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class InsightProof:
    """Series over time, and the sentences that the rule says about them at their end; none where it is silent."""

    path: Path
    inputs: tuple[InputSeries, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A rule. `expr` and the other expressions may contain `$range`; `each` are the labels that identify a subject.

    Without an `operator` the expression contains the comparison. `threshold` names that of a signal which the limit is,
    '' for none; a limit that a project has set is `adjusted`, and then there are no proofs. `observed` is a selector
    whose series must exist since the beginning of the range, '' for none. `order_by` is the field by which subjects are
    sorted, the highest first.
    """

    name: str
    title: str
    severity: Severity
    benefit: Benefit
    audience: tuple[Audience, ...]
    expr: str
    operator: Literal[">", "<", ""]
    limit: float
    threshold: str
    unit: str
    each: tuple[str, ...]
    observed: str
    values: Mapping[str, Quantity]
    sentence: str
    reason: str
    do: tuple[str, ...]
    order_by: str
    shown: int
    proofs: tuple[InsightProof, ...]
    document: Document
    adjusted: bool = False

    @property
    def subject(self) -> str:
        """What it is about: the first word of its name, such as container or postgres."""
        return self.name.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Insight:
    """What a rule found about one subject.

    `labels` identify the subject. `value` is in `unit`, `values` are further numbers of the sentence by field. `text`
    is the sentence: plain text on one line, whose parts from labels are not escaped. `query` is the PromQL that finds
    all subjects of the rule, with the range filled in.
    """

    rule: str
    title: str
    subject: str
    severity: Severity
    benefit: Benefit
    audience: tuple[Audience, ...]
    labels: Mapping[str, str]
    value: float
    unit: str
    values: Mapping[str, float]
    text: str
    reason: str
    do: tuple[str, ...]
    query: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The insights of a range, the most severe first, and within a rule the highest.

    `omitted` counts the subjects of each rule that are not listed, `faults` are the reasons why rules have no result,
    both by the name of the rule. `queries` is how many queries Prometheus answered. `unmeasured` are the names of rules
    that found nothing since their metric has no series.
    """

    insights: Sequence[Insight]
    omitted: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    queries: int = 0
    unmeasured: Sequence[str] = ()


def sort_key(rule: Rule) -> tuple[int, int, str]:
    """Return the position of a rule among others."""
    return -SEVERITIES.index(rule.severity), BENEFITS.index(rule.benefit), rule.name
