"""Rewrites the file names in problems, which are relative to the project, to be relative to the working directory."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from deckwatch.core.problems import Problem


def with_project_paths(problems: Iterable[Problem], own_files: Collection[str], folder: Path) -> list[Problem]:
    """Return problems with the project's `own_files` prefixed by its folder in positions and hints."""
    names = "|".join(re.escape(name) for name in sorted(own_files, key=len, reverse=True))
    own_file = re.compile(rf"(?<![\w/.-])(?:{names or '(?!)'})(?=[:),]|$)")

    def rewrite_paths(text: str) -> str:
        return own_file.sub(lambda match: str(folder / match[0]), text)

    result = []
    for problem in problems:
        file = problem.place.file
        path = str(folder / file) if file in own_files else file
        place = problem.place._replace(file=path, via=rewrite_paths(problem.place.via))
        result.append(replace(problem, place=place, hint=rewrite_paths(problem.hint)))
    return result
