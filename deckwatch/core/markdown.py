"""Text in GitHub's Markdown that notifies nobody."""

from __future__ import annotations

import re

# After escaping: GitHub looks for mentions and references in the text that Markdown yields, so a backslash changes
# nothing. A zero-width space, which no reader sees, separates them.
_MENTION = re.compile(r"(?<![A-Za-z0-9])@(?=[A-Za-z0-9])")
_REFERENCE = re.compile(r"(?<!&)#(?=[0-9])")  # not of an entity
_SEPARATOR = "&#8203;"


def separate_mentions(markdown: str) -> str:
    """Return Markdown in which `@name` mentions nobody and `#12` refers to no issue."""
    return _MENTION.sub(f"@{_SEPARATOR}", _REFERENCE.sub(f"#{_SEPARATOR}", markdown))
