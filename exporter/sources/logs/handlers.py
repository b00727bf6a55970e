"""The label `handler` for a requested path: a template such as `/orders/{id}`, never the path itself.

A rule of the project decides first. Otherwise the parts of the path that look like an id, a date, a token or a file are
replaced, and so is a part of which a place has more variants than an application has routes. A request that the server
rejected as unknown has no handler, unless a rule knows it: scanners make up any number of paths.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NO_HANDLER = "none"
OTHER = "_OTHER"  # beyond the limit
REJECTED = frozenset({"400", "404", "405", "414"})  # of paths that clients make up
_MAX_DEPTH = 6
_MAX_VARIANTS = 30  # of one part of a path, before it counts as an id
_MAX_PART = 40  # characters
_ID = "{id}"
_MORE = "{name}"
_IS_ID = re.compile(
    r"\d[\d.,:_-]*"  # a number, a date, a version
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"  # a UUID
    r"|(?=[a-zA-Z_-]*\d)[0-9a-fA-F]{7,}"  # a hash
    r"|(?=[^\d]*\d)[\w.~=+-]{16,}"  # a token
    r"|[\w.~=+-]{32,}"
    r"|(?:[a-zA-Z]{1,8}[-_])?\d+"  # order-17
    r"|.*[@%,;!$'()*=\s].*"  # an address, a query, an attack
)
_IS_PART = re.compile(r"[\w.~:+-]+")
_FILE = re.compile(
    r".+\.(css|js|mjs|map|json|xml|txt|html?|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp[34]|webm|pdf|zip|gz)"
)
_PLACEHOLDER = re.compile(r"\{\w+\}|\*")


class Handlers:
    """Templates for the paths of one service, of which there are at most `most`.

    `rules` are templates of the project, the first that matches wins: `{name}` stands for one part of a path, `*` for
    any number of them.
    """

    def __init__(self, rules: Sequence[str] = (), most: int = 200) -> None:
        self._rules = [(compile_rule(rule), rule) for rule in rules]
        # Whether numbers and names of files may be replaced before the rules are tried.
        self.may_simplify = not any(re.search(r"/\d|\.", rule) for rule in rules)
        self._most = most
        self._known: set[str] = set()
        self._variants: dict[str, set[str]] = {}

    def restore(self, known: Iterable[str]) -> None:
        """Take over the templates that are in use since an earlier start."""
        rules = {rule for _, rule in self._rules}
        for template in known:
            if template in (NO_HANDLER, OTHER):
                continue
            self._known.add(template)
            if template not in rules:
                self._record_variants(template)

    def find_template(self, path: str, code: str) -> str:
        """Return the label `handler` for a path without its query, and the status of the response."""
        for pattern, rule in self._rules:
            if pattern.fullmatch(path):
                self._known.add(rule)
                return rule
        if code in REJECTED or not path.startswith(("/", "*")):
            return NO_HANDLER
        template = self._fold_path(path)
        if template in self._known:
            return template
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(template)
        self._record_variants(template)
        return template

    def _fold_path(self, path: str) -> str:
        """Return the template of a path that no rule matches."""
        parts = unquote(path.partition(";")[0], errors="replace").split("/")[1:]
        template = ""
        for depth, part in enumerate(parts):
            if depth == _MAX_DEPTH:
                return f"{template}/*"
            shown = _fold_part(part) if part else ""
            if shown and "{" not in shown:
                variants = self._variants.get(template, ())
                if shown not in variants and len(variants) >= _MAX_VARIANTS:
                    shown = _MORE
            template = f"{template}/{shown}"
        return template or path

    def _record_variants(self, template: str) -> None:
        before = ""
        for part in template.split("/")[1:]:
            if part and "{" not in part and part != "*":
                self._variants.setdefault(before, set()).add(part)
            before = f"{before}/{part}"


def _fold_part(part: str) -> str:
    if match := _FILE.fullmatch(part.lower()):
        return f"{{file}}.{match[1]}"
    if len(part) > _MAX_PART or _IS_ID.fullmatch(part) or not _IS_PART.fullmatch(part):
        return _ID
    return part


def compile_rule(rule: str) -> re.Pattern[str]:
    """Return the pattern of the paths that a template stands for."""
    pieces, end = [], 0
    for match in _PLACEHOLDER.finditer(rule):
        pieces += [re.escape(rule[end : match.start()]), ".*" if match[0] == "*" else "[^/]+"]
        end = match.end()
    return re.compile("".join([*pieces, re.escape(rule[end:])]))
