"""Every alert has a proof that it fires and one that it stays silent, and both give series that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting import unit_tests
from deckwatch.alerting.series_notation import INTERVAL
from deckwatch.core import expressions, promql
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context
    from deckwatch.alerting.model import Alert, InputSeries, Proof
    from deckwatch.core.problems import Place


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts that lack one of the two proofs, and proofs that cannot be run."""
    for alert in context.iter_alerts():
        if alert.adjusted or not _is_sound(alert.watched):
            continue  # its proofs are generated, or the expression cannot be parsed
        fires = [proof for proof in alert.proofs if proof.fires is not None]
        always = any(not proof.inputs for proof in fires)
        if not fires:
            yield _proof_problem(alert, f"nothing proves that {alert.name} fires", "add {give: …, fires: 5m}")
        if len(fires) == len(alert.proofs) and not always:
            yield _proof_problem(alert, f"nothing proves that {alert.name} is silent", "add {give: …, silent: true}")
        for proof in alert.proofs:
            yield from _proof_faults(alert, proof, context)


def _is_sound(expr: str) -> bool:
    try:
        promql.check_syntax(expr)
    except promql.PromqlError:
        return False
    return True


def _proof_problem(alert: Alert, message: str, hint: str) -> Problem:
    return Problem(alert.document.place((*alert.path, "proof"), key=True), message, hint, check="proof")


def _proof_faults(alert: Alert, proof: Proof, context: Context) -> Iterator[Problem]:
    document = alert.document
    if proof.fires is not None and proof.fires % INTERVAL:
        yield _off_grid(document.place((*proof.path, "fires")), proof.fires)
    problems: list[Problem] = []
    for given in proof.inputs:
        path = (*proof.path, "give", given.series) if given.series else (*proof.path, "give")
        problems += _series_faults(alert, given, document.place(path, key=True), context)
        for i, step in enumerate(given.steps):
            if step.seconds % INTERVAL:
                yield _off_grid(document.place((*path, i, "for")), step.seconds)
    yield from problems
    if not problems and proof.fires is not None:
        try:
            unit_tests.expected_labels(alert, proof)
        except ValueError as error:
            yield Problem(document.place(proof.path), str(error), check="proof")


def _series_faults(alert: Alert, given: InputSeries, place: Place, context: Context) -> Iterator[Problem]:
    try:
        unit_tests.input_series(alert, given)
    except ValueError as error:
        yield Problem(place, str(error), check="proof")
        return
    if given.series:
        yield from expressions.expression_problems(given.series, context.catalog, lambda _: place)


def _off_grid(place: Place, seconds: float) -> Problem:
    return Problem(place, f"there is no sample at {seconds:g} s", "a multiple of 15s", check="proof")
