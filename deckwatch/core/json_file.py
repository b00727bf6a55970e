"""Syntax errors of JSON files as problems with line and column."""

from __future__ import annotations

import json

from deckwatch.core.problems import Place, Problem


def syntax_problem(error: ValueError | RecursionError, file: str) -> Problem:
    """Return the problem of a text that json or orjson cannot read."""
    if isinstance(error, json.JSONDecodeError):
        return Problem(Place(file, error.lineno, error.colno), f"not JSON: {error.msg}", check="json")
    text = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(":")[0]
    return Problem(Place(file), f"not JSON: {text}", check="json")  # otherwise a number of thousands of digits
