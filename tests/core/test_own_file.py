"""Files that a command writes as a whole, and replaces only if they are its own."""

from __future__ import annotations

import pytest

from deckwatch.core import own_file
from deckwatch.core.problems import DeckwatchError

MARK = b"<!-- ours -->"


def test_only_our_own_file_is_replaced(tmp_path):
    target = tmp_path / "a.md"
    own_file.check_replaceable(target, MARK, force=False)
    target.write_bytes(MARK + b" text")
    own_file.check_replaceable(target, MARK, force=False)
    target.write_bytes(b"x" * 2000 + MARK)
    with pytest.raises(DeckwatchError, match="was not written by this command"):
        own_file.check_replaceable(target, MARK, force=False)
    own_file.check_replaceable(target, MARK, force=True)


def test_what_is_no_file_is_never_replaced(tmp_path):
    for path, reason in ((tmp_path, "not a regular file"), (tmp_path / "none" / "a.md", "is not a folder")):
        with pytest.raises(DeckwatchError, match=reason):
            own_file.check_replaceable(path, MARK, force=True)
