"""Merges the text files of several templates into those of one project, with their comments."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_KEY = re.compile(r"""(?P<indent> *)(?P<key>"[^"]+"|'[^']+'|[^\s#'"-][^:#]*):(?P<rest>\s.*)?$""")
_DISABLED_KEY = re.compile(r"(?P<indent> *)# (?P<key>[a-z_]+):$")
_ITEM = re.compile(r" *(- |# (?! ))")  # the first line of a list's item, or of one that is commented out
_INLINE_LIST = re.compile(r"\s*\[(?P<items>.*)\](?P<comment>\s+#.*)?$")


@dataclass
class _Block:
    """A key of a mapping with the comments above it; `rest` is what follows the colon, `body` the lines below.

    A `disabled` key is commented out together with its body, whose lines are kept here without the marks.
    """

    key: str
    rest: str = ""
    disabled: bool = False
    comments: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)


def merge_readmes(texts: Sequence[str]) -> str:
    """Return the sections of several README files; a sentence that an earlier one has is not repeated."""
    seen: set[str] = set()
    sections = []
    for text in texts:
        sections.append("\n".join(line for line in text.strip().splitlines() if line not in seen))
        seen.update(line for line in text.splitlines() if line and not line.startswith(("|", "#")))
    return "\n\n".join(sections) + "\n"


def merge_projects(texts: Sequence[str]) -> str:
    """Return one deckwatch.yaml with the keys of several: mappings and lists are joined, at any depth.

    The default of `build: include:` is everything, so the result has it only if every text has.
    """
    lines = list(_without_repeated_comments(_merge_mappings([text.splitlines() for text in texts], "")))
    if not all(re.search(r"^  include:", text, re.MULTILINE) for text in texts):
        lines = [line for line in lines if not line.startswith("  include:")]
    return "\n".join(lines) + "\n"


def _without_repeated_comments(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines, of equal comments at the top level only the first; bodies of disabled keys are none."""
    seen: set[str] = set()
    for line in lines:
        if not line.startswith("# ") or line.startswith("#  ") or line not in seen:
            yield line
        seen.add(line)


def _merge_mappings(texts: Sequence[Sequence[str]], indent: str) -> list[str]:
    """Return the lines of one mapping with the keys of several, in order of their first appearance."""
    groups: dict[str, list[_Block]] = {}
    for lines in texts:
        for block in _split_blocks(lines, indent):
            groups.setdefault(block.key, []).append(block)
    merged = (_merge_blocks(_with_one_state(blocks, indent), indent) for blocks in groups.values())
    return [line for lines in merged for line in lines]


def _with_one_state(blocks: Sequence[_Block], indent: str) -> list[_Block]:
    """Return the blocks of a key, the enabled first; if there are any, only the bodies of the others are disabled."""
    enabled = [block for block in blocks if not block.disabled]
    if not enabled:
        return list(blocks)
    disabled = [block for block in blocks if block.disabled]
    return enabled + [
        replace(block, disabled=False, body=_comment_out_lines(block.body, f"{indent}  ")) for block in disabled
    ]


def _comment_out_lines(lines: Sequence[str], indent: str) -> list[str]:
    """Return the lines commented out at an indentation that all of them have."""
    return [f"{indent}# {line.removeprefix(indent)}" for line in lines]


def _split_blocks(lines: Sequence[str], indent: str) -> Iterator[_Block]:
    """Yield the keys at this indentation; comments after the last one are a block without a key."""
    block: _Block | None = None
    comments: list[str] = []
    for line in lines:
        found = _find_key(line, indent)
        if found is not None:
            if block is not None:
                yield block
            block, found.comments, comments = found, comments, []
        elif block is not None and block.disabled and not comments and line.startswith(f"{indent}#  "):
            block.body.append(indent + line.removeprefix(f"{indent}# "))
        elif line.startswith(f"{indent}#"):
            comments.append(line)
        elif block is not None:
            block.body += [*comments, line]
            comments = []
    if block is not None:
        yield block
    if comments:
        yield _Block("", comments=comments)


def _find_key(line: str, indent: str) -> _Block | None:
    """Return the block that a line begins; None if it begins none at this indentation."""
    if (key := _KEY.match(line)) and key["indent"] == indent:
        return _Block(key["key"], key["rest"] or "")
    if (key := _DISABLED_KEY.match(line)) and key["indent"] == indent:
        return _Block(key["key"], disabled=True)
    return None


def _merge_blocks(blocks: Sequence[_Block], indent: str) -> Iterator[str]:
    """Yield the lines of the blocks of one key."""
    yield from dict.fromkeys(line for block in blocks for line in block.comments)
    first = blocks[0]
    if not first.key:
        return
    lines = [f"{indent}{first.key}:{_merge_rests([block.rest for block in blocks])}"]
    bodies = [block.body for block in blocks if block.body]
    inner = f"{indent}  "
    lines += _merge_lists(bodies) if any(_is_list(body) for body in bodies) else _merge_mappings(bodies, inner)
    yield from _comment_out_lines(lines, indent) if first.disabled else lines


def _merge_lists(bodies: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of the items of several lists, each item once; one that is also commented out is enabled."""
    items: dict[tuple[str, ...], Sequence[str]] = {}
    for body in bodies:
        starts = [
            number
            for number, line in enumerate(body)
            if _ITEM.match(line) and _count_indentation(line) == _count_indentation(body[0])
        ]
        for first, end in itertools.pairwise([*starts, len(body)]):
            enabled = tuple(
                line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in body[first:end]
            )
            items.setdefault(enabled, body[first:end])
    return [line for item in items.values() for line in item]


def _count_indentation(line: str) -> int:
    """Return the number of spaces at the start of a line."""
    return len(line) - len(line.lstrip(" "))


def _is_list(body: Sequence[str]) -> bool:
    """Return whether the lines below a key are a list."""
    lines = (line.lstrip() for line in body)
    return next((line for line in lines if line and not line.startswith("#")), "").startswith("- ")


def _merge_rests(rests: Sequence[str]) -> str:
    """Return the value after a colon: inline lists joined, otherwise the first."""
    lists = [match for rest in rests if (match := _INLINE_LIST.match(rest))]
    if len(lists) < 2:
        return rests[0]
    items = dict.fromkeys(item.strip() for match in lists for item in match["items"].split(","))
    return f" [{', '.join(items)}]{lists[0]['comment'] or ''}"
