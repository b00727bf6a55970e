"""Read insights: the files in `library/`, and those in `insights/` of a project, which replace shipped ones by name."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from deckwatch.alerting import condition, read_topics, series_notation
from deckwatch.alerting.read_proof import ProofReader
from deckwatch.core import expression_labels, expressions, plugins, promql, units, yaml_file
from deckwatch.core.problems import InvalidInput, Problem, did_you_mean
from deckwatch.core.schema import Schema
from deckwatch.provisioning.documents import INSIGHTS
from deckwatch.provisioning.insights import limits, wording
from deckwatch.provisioning.insights.model import RANGE, SHOWN, VALUE, InsightProof, Quantity, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Document, Path

KEY = "insight"  # the first key of a file
OFF = "off"
_SCHEMA_FILE = FilePath(__file__).with_name("insight.schema.yaml")
_LIBRARY = FilePath(__file__).with_name("library")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_BORROWED = ("alert_quantity", "alert_duration", "proof_course", "proof_step")  # definitions of alert files


@dataclass
class RuleSet:
    """Rules by name, the problems of their files, and the files of the project by name.

    `faulty` are rules of the project with problems, whose expressions can still be checked.
    """

    rules: dict[str, Rule] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    faulty: list[Rule] = field(default_factory=list)


def build_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file."""
    result: dict[str, Any] = yaml_file.read_yaml(_SCHEMA_FILE).data
    alerts = yaml_file.read_yaml(read_topics.SCHEMA_FILE).data["$defs"]
    result["$defs"] |= {name: alerts[name] for name in _BORROWED}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **result}


def load_rules(project: Project) -> RuleSet:
    """Return the rules that a project has on, shipped ones included; the problems are those of its own files."""
    rule_set = load_own_rules(project)
    shipped = [_RuleReader(document, []).read_rule() for document in shipped_documents()]
    off = (project.data.get(INSIGHTS) or {}).get(OFF, ())
    rules = {rule.name: rule for rule in shipped} | rule_set.rules
    adjusted, problems = limits.apply_limits(rules, project)
    rule_set.problems += problems
    rule_set.rules = {name: rule for name, rule in sorted(adjusted.items()) if name not in off}
    return rule_set


def load_own_rules(project: Project) -> RuleSet:
    """Return the rules in a project's folder, and the problems of its files and of the names under `off`."""
    rule_set = RuleSet()
    for document in _own_documents(project, rule_set):
        rule, problems = read_rule(document)
        rule_set.problems += problems
        if rule is not None and problems:
            rule_set.faulty.append(rule)
        elif rule is not None:
            rule_set.rules[rule.name] = rule
    own_names = {FilePath(file).stem for file in rule_set.own}
    known = sorted({path.stem for path in plugins.list_files(_LIBRARY, ".yaml")} | own_names)
    for index, name in enumerate((project.data.get(INSIGHTS) or {}).get(OFF, ())):
        if name not in known:
            place = project.document.place((INSIGHTS, OFF, index))
            rule_set.problems.append(Problem(place, f"no insight is called {name}", did_you_mean(name, known)))
    return rule_set


def find_problems(rules: Iterable[Rule], catalog: Catalog) -> Iterator[Problem]:
    """Yield names of metrics and labels in rules that nothing has; what is not PromQL is reported already."""
    for rule in rules:
        for path, text in _list_expressions(rule.document.data):
            if _is_promql(text):
                yield from expressions.check_expression(rule.document, path, 0, text, catalog)
        if _is_promql(rule.expr):
            yield from _find_label_problems(rule, catalog)


def _find_label_problems(rule: Rule, catalog: Catalog) -> Iterator[Problem]:
    """Yield the labels in `each` that no metric of the expression has."""
    known = set(expressions.generated_label_sources(rule.expr))
    for selector in promql.find_selectors(rule.expr):
        labels = expression_labels.series_labels(selector.metric, catalog) if selector.metric else None
        if labels is None:
            return
        known |= labels
    for index, label in enumerate(rule.each):
        if label not in known:
            message = f"no metric in the expression has a label {label}"
            hint = did_you_mean(label, sorted(known))
            yield rule.document.problem(("each", index), message, hint, check="promql_label")


def _is_promql(text: str) -> bool:
    try:
        promql.check_syntax(text)
    except promql.PromqlError:
        return False
    return True


def _list_expressions(data: dict[str, Any]) -> list[tuple[Path, str]]:
    """Return the expressions of a file with their paths."""
    found: list[tuple[Path, str]] = [((key,), data[key]) for key in ("expr", "observed") if key in data]
    return found + [(("values", name, "expr"), given["expr"]) for name, given in data.get("values", {}).items()]


def shipped_documents() -> list[Document]:
    """Return the files that come with the program."""
    return [
        yaml_file.read_yaml(path, f"provisioning/insights/library/{path.name}")
        for path in plugins.list_files(_LIBRARY, ".yaml")
    ]


def read_rule(document: Document) -> tuple[Rule | None, list[Problem]]:
    """Return the rule of a file, and the problems of the file; None where it does not match the schema."""
    problems = _load_schema().find_problems(document)
    return (None if problems else _RuleReader(document, problems).read_rule()), problems


@functools.cache
def _load_schema() -> Schema:
    return Schema(build_schema())


def _own_documents(project: Project, rule_set: RuleSet) -> Iterator[Document]:
    """Yield the readable files of a project; wrong names and unreadable files become problems."""
    known: dict[str, str] = {}
    for path in plugins.list_files(project.folder / INSIGHTS, ".yaml") if project.has_file else ():
        file = str(path.relative_to(project.folder))
        rule_set.own.add(file)
        try:
            document = yaml_file.read_yaml(path, file)
        except InvalidInput as error:
            rule_set.problems += error.problems
            continue
        if not _NAME.match(path.stem):
            hint = "small letters, digits and _, such as queue_idle.yaml"
            rule_set.problems.append(document.problem((), f"{path.name} is not the name of an insight", hint))
        elif path.stem in known:
            rule_set.problems.append(document.problem((), f"{known[path.stem]} has the same name"))
        else:
            known[path.stem] = file
            yield document


@dataclass(frozen=True, slots=True)
class _RuleReader:
    """Reads a file that has passed the schema; mistakes go to `problems`."""

    document: Document
    problems: list[Problem]

    def read_rule(self) -> Rule:
        """Return the rule of the file, of no use if there are problems."""
        data: dict[str, Any] = self.document.data
        unit, each = data.get("unit", ""), tuple(data.get("each", ()))
        values = {
            name: Quantity(given["expr"], given.get("unit", ""), given.get("label", ""))
            for name, given in data.get("values", {}).items()
        }
        fields = (*each, *values, VALUE, RANGE)
        self._check_expressions(_list_expressions(data))
        self._check_names(data, fields, [name for name, quantity in values.items() if not quantity.label])
        keyword = next((word for word in ("above", "below") if word in data), "")
        return Rule(
            name=FilePath(self.document.file).stem,
            title=data[KEY],
            severity=data["severity"],
            benefit=data["benefit"],
            audience=tuple(data.get("audience", ("operations",))),
            expr=data["expr"],
            operator=">" if keyword == "above" else "<" if keyword else "",
            limit=self._read_limit(keyword, unit) if keyword else 0.0,
            threshold=data.get("threshold", ""),
            unit=unit,
            each=each,
            observed=data.get("observed", ""),
            values=values,
            sentence=data["sentence"],
            reason=data["reason"],
            do=tuple(data["do"]),
            order_by=data.get("order_by", ""),
            shown=data.get("limit", SHOWN),
            proofs=tuple(self._read_proofs(data["proof"], unit)),
            document=self.document,
        )

    def _add_problem(self, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(self.document.problem(path, message, hint, check="insight"))

    def _read_limit(self, keyword: str, unit: str) -> float:
        try:
            return units.parse_quantity(self.document.data[keyword], unit)
        except ValueError as error:
            self._add_problem((keyword,), str(error))
            return 0.0

    def _check_expressions(self, rule_paths: Iterable[tuple[Path, str]]) -> None:
        """Report expressions that are not PromQL, an `expr` without a comparison, and no selector in `observed`."""
        for path, text in rule_paths:
            try:
                promql.check_syntax(text)
                selectors = promql.find_selectors(text)
                compares = condition.has_comparison(text)
            except promql.PromqlError as error:
                place = self.document.place_in_text(path, error.offset)
                self.problems.append(Problem(place, str(error), check="promql_syntax"))
                continue
            if path == ("expr",) and not compares and not {"above", "below"} & set(self.document.data):
                self._add_problem(path, "nothing is compared", "add above or below, or a comparison")
            if path == ("observed",) and (len(selectors) != 1 or selectors[0].end != len(text.strip())):
                self._add_problem(path, "expected one selector", 'such as up{job="node"}')

    def _check_names(self, data: dict[str, Any], fields: Iterable[str], numbers: list[str]) -> None:
        """Report fields of the sentence, and an order, that do not exist."""
        for name, offset in wording.find_fields(data["sentence"]):
            if name not in fields:
                place = self.document.place_in_text(("sentence",), offset)
                hint = did_you_mean(name, fields)
                self.problems.append(Problem(place, f"the sentence has no field {name}", hint, check="insight"))
        if data.get("order_by", "") not in ("", *numbers):
            hint = did_you_mean(data["order_by"], numbers) or "the name of one of its numbers"
            self._add_problem(("order_by",), f"{data['order_by']} is not in values", hint)

    def _read_proofs(self, data: Iterable[dict[str, Any]], unit: str) -> Iterator[InsightProof]:
        reader = ProofReader(self.document, unit, self.problems)
        kinds = set()
        for index, given in enumerate(data):
            path: Path = ("proof", index)
            says = given.get("says", [])
            kinds.add("says" in given)
            inputs = reader.read_series((*path, "give"), given["give"])
            for series in given["give"]:
                try:
                    series_notation.parse_series(series)
                except ValueError as error:
                    place = self.document.place((*path, "give", series), key=True)
                    self.problems.append(Problem(place, str(error), check="insight"))
            yield InsightProof(path, inputs, (says,) if isinstance(says, str) else tuple(says))
        if len(kinds) == 1:
            missing = "none is silent" if True in kinds else "none says anything"
            self._add_problem(("proof",), f"of the proofs, {missing}", "a rule needs one of each kind")
