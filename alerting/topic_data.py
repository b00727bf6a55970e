"""Topic files as parsed YAML that has passed the schema; `read_topics` turns these dictionaries into the model."""

from __future__ import annotations

from typing import Literal, TypedDict

StepData = TypedDict(
    "StepData", {"for": str, "value": int | float | str, "rate": float, "gone": bool}, total=False
)  # `for` is always set
InputData = int | float | str | list[StepData]  # a constant, or steps


class ProofData(TypedDict, total=False):
    """One entry of `proof`; `give` is always set."""

    give: list[StepData] | dict[str, InputData]
    fires: str
    silent: bool
    labels: dict[str, str]


class RecordingData(TypedDict, total=False):
    """One entry of `recordings`: a signal, or an expression and its description."""

    signal: str
    expr: str
    unit: str
    about: str
    needs: str
    empty: str


AlertData = TypedDict(
    "AlertData",
    {
        "signal": str,
        "expr": str,
        "above": int | float | str,
        "below": int | float | str,
        "is": int | float,
        "unit": str,
        "for": str,
        "keep_firing_for": str,
        "severity": Literal["info", "warning", "error", "critical"],
        "owner": str,
        "each": list[str],
        "family": str,
        "labels": dict[str, str],
        "summary": str,
        "means": str,
        "do": list[str],
        "dashboard": str,
        "panel": str,
        "needs": str,
        "empty": str,
        "proof": list[ProofData],
    },
    total=False,
)  # `severity`, `summary`, `means`, `do` and `proof` are always set
