"""Facts about a git repository, from the program git, and their metrics."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core.problems import DeckwatchError
from deckwatch.instrument.metrics import MetricDeclaration
from deckwatch.textfile import prom_file
from deckwatch.textfile.prom_file import Series

if TYPE_CHECKING:
    from pathlib import Path

COMMITS = MetricDeclaration(
    "git_commits_total",
    "counter",
    "Commits of a branch; after its history was rewritten, it goes on with the new ones.",
    ("repo", "branch"),
)
HEAD_TIME = MetricDeclaration(
    "git_head_commit_timestamp_seconds", "gauge", "Time of the last commit of a branch.", ("repo", "branch"), "seconds"
)
HEAD_INFO = MetricDeclaration(
    "git_head_info", "gauge", "1 for the last commit of a branch, with its hash.", ("repo", "branch", "commit")
)
BRANCHES = MetricDeclaration("git_branches", "gauge", "Branches of a repository.", ("repo",))
COMMAND = "git"
METRICS = (COMMITS, HEAD_TIME, HEAD_INFO, BRANCHES)

_HASH = re.compile(r"[0-9a-f]{7,64}")
_TIMEOUT_SECONDS = 120
_CI_BRANCH = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BRANCH_NAME", "BUILD_SOURCEBRANCHNAME")


class GitFacts(NamedTuple):
    """A branch: its last commit and that one's Unix time, the number of its commits (None in a shallow clone)."""

    repository: str
    branch: str
    commit: str
    committed: float
    commits: int | None
    branches: int


def read_facts(folder: Path, repository: str, branch: str) -> GitFacts:
    """Return the facts about a working tree or bare repository. Raises DeckwatchError.

    By default the repository is named after its folder, and the branch is the one that is checked out. CI often checks
    out a commit without a branch; its variables then name it.
    """
    if branch.startswith("-"):  # git would take it for an option
        raise DeckwatchError(f"no branch is called {branch}")
    top = _run_git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
    checked_out = _run_git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    revision = branch or "HEAD"
    if not branch:
        in_ci = next((os.environ[name] for name in _CI_BRANCH if os.environ.get(name)), "")
        branch = checked_out if checked_out != "HEAD" else in_ci or "detached"
    commit, _, committed = _run_git(folder, "log", "-1", "--format=%H %ct", revision, "--").partition(" ")
    is_shallow = _run_git(folder, "rev-parse", "--is-shallow-repository") == "true"
    commits = None if is_shallow else int(_run_git(folder, "rev-list", "--count", revision, "--"))
    branches = _run_git(folder, "for-each-ref", "--format=%(refname)", "refs/heads").splitlines()
    return GitFacts(repository or _folder_name(top), branch, commit, float(committed), commits, len(branches))


def write_facts(folder: Path, repository: Path, facts: GitFacts) -> Path:
    """Write the metrics of a branch, and return the file's path. Raises DeckwatchError."""
    path = folder / prom_file.file_name("git", facts.repository, facts.branch)
    labels = (facts.repository, facts.branch)
    with prom_file.lock_folder(folder):
        total = _count_commits(repository, facts, prom_file.read_text(path))
        families: list[prom_file.Family] = [
            (COMMITS, [] if total is None else [Series(total, labels)]),
            (HEAD_TIME, [Series(facts.committed, labels)]),
            (HEAD_INFO, [Series(1, (*labels, facts.commit))]),
            (BRANCHES, [Series(facts.branches, (facts.repository,))]),
        ]
        prom_file.write_text(path, prom_file.render_families(families))
    return path


def _count_commits(repository: Path, facts: GitFacts, before: str) -> float | None:
    """Return the counter of commits: the one before and the commits since, so that it never decreases."""
    if facts.commits is None:
        return None
    try:
        series = prom_file.parse_series(before)
    except ValueError:
        series = []
    counted = next((one.value for one in series if one.name == COMMITS.name), None)
    commit = next((one.labels.get("commit", "") for one in series if one.name == HEAD_INFO.name), "")
    if counted is None or not _HASH.fullmatch(commit):
        return facts.commits
    try:
        return counted + int(_run_git(repository, "rev-list", "--count", f"{commit}..{facts.commit}", "--"))
    except DeckwatchError:  # the commit before is gone
        return max(counted, facts.commits)


def _folder_name(git_folder: str) -> str:
    parts = [part for part in git_folder.split("/") if part]
    if parts and parts[-1] == ".git":
        parts.pop()
    return parts[-1].removesuffix(".git") if parts else "repository"


def _run_git(folder: Path, *arguments: str) -> str:
    """Return the output of git, without optional locks and prompts. Raises DeckwatchError with its first line."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        completed = subprocess.run(
            ["git", "-C", str(folder), "-c", "log.showSignature=false", *arguments],  # it would start a program
            capture_output=True,
            env=environment,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise DeckwatchError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise DeckwatchError(f"{folder}: git has not answered for {_TIMEOUT_SECONDS} seconds") from None
    if completed.returncode:
        lines = completed.stderr.decode("utf-8", "replace").strip().splitlines() or ["git fails"]
        raise DeckwatchError(f"{folder}: {lines[0].removeprefix('fatal: ')}")
    return completed.stdout.decode("utf-8", "replace").strip()
