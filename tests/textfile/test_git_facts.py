"""Facts about real repositories."""

from __future__ import annotations

import subprocess

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.textfile import git_facts, prom_file


@pytest.fixture
def git(tmp_path, monkeypatch):
    for name in git_facts._CI_BRANCH:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "shop"
    folder.mkdir()
    identity = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]

    def run(*words):
        return subprocess.run(
            ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    run("init", "-q", "-b", "main")
    run("commit", "-q", "--allow-empty", "-m", "first")
    run.folder = folder
    return run


def values(path):
    return {one.name: one.value for one in prom_file.parse_series(path.read_text())}


def test_a_commit_is_counted(git, tmp_path) -> None:
    out = tmp_path / "out"
    facts = git_facts.read_facts(git.folder, "", "")
    assert (facts.repository, facts.branch, facts.commits, facts.branches) == ("shop", "main", 1, 1)
    assert facts.committed == int(git("log", "-1", "--format=%ct"))
    assert facts.commit == git("rev-parse", "HEAD")
    git_facts.write_facts(out, git.folder, facts)
    git("commit", "-q", "--allow-empty", "-m", "second")
    git("branch", "other")
    path = git_facts.write_facts(out, git.folder, git_facts.read_facts(git.folder, "", ""))
    assert values(path)["git_commits_total"] == 2
    assert values(path)["git_branches"] == 2
    assert path.read_text().count("\ngit_head_info{") == 1


def test_the_counter_does_not_decrease_when_history_is_rewritten(git, tmp_path) -> None:
    for number in range(4):
        git("commit", "-q", "--allow-empty", "-m", str(number))
    git_facts.write_facts(tmp_path, git.folder, git_facts.read_facts(git.folder, "", ""))
    git("reset", "-q", "--soft", "HEAD~3")
    git("commit", "-q", "--allow-empty", "-m", "squashed")
    path = git_facts.write_facts(tmp_path, git.folder, git_facts.read_facts(git.folder, "", ""))
    assert values(path)["git_commits_total"] == 6
    git("reflog", "expire", "--expire=now", "--all")
    git("reset", "-q", "--soft", "HEAD~1")
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "-q", "--prune=now")
    path = git_facts.write_facts(tmp_path, git.folder, git_facts.read_facts(git.folder, "", ""))
    assert values(path)["git_commits_total"] == 6


def test_a_shallow_clone_has_no_number_of_commits(git, tmp_path) -> None:
    git("commit", "-q", "--allow-empty", "-m", "second")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{git.folder}", clone], check=True)
    facts = git_facts.read_facts(clone, "", "")
    assert facts.commits is None
    assert "git_commits_total" not in values(git_facts.write_facts(tmp_path, clone, facts))


def test_a_commit_without_a_branch_is_named_by_ci(git, monkeypatch) -> None:
    git("checkout", "-q", "--detach")
    assert git_facts.read_facts(git.folder, "", "").branch == "detached"
    monkeypatch.setenv("CI_COMMIT_REF_NAME", "feature/x")
    assert git_facts.read_facts(git.folder, "", "").branch == "feature/x"
    assert git_facts.read_facts(git.folder, "", "main").branch == "main"


def test_a_worktree_and_a_bare_repository(git, tmp_path) -> None:
    git("worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    facts = git_facts.read_facts(tmp_path / "tree", "", "")
    assert (facts.repository, facts.branch) == ("shop", "side")
    bare = tmp_path / "shop.git"
    subprocess.run(["git", "clone", "-q", "--bare", git.folder, bare], check=True)
    assert git_facts.read_facts(bare, "", "").repository == "shop"


@pytest.mark.parametrize("branch", ["nowhere", "--output=x", "-n"])
def test_an_unknown_branch_is_a_sentence(git, branch) -> None:
    with pytest.raises(DeckwatchError) as caught:
        git_facts.read_facts(git.folder, "", branch)
    assert "\n" not in str(caught.value)
    assert not (git.folder / "x").exists()


def test_a_folder_without_a_repository_is_a_sentence(tmp_path) -> None:
    with pytest.raises(DeckwatchError, match="not a git repository"):
        git_facts.read_facts(tmp_path, "", "")
    with pytest.raises(DeckwatchError, match="No such file"):
        git_facts.read_facts(tmp_path / "nowhere", "", "")


def test_an_empty_repository_is_a_sentence(tmp_path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    with pytest.raises(DeckwatchError, match="HEAD"):
        git_facts.read_facts(tmp_path, "", "")
