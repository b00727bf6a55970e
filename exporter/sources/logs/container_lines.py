"""The records in which Docker's driver json-file stores the lines of a container's log."""

from __future__ import annotations

from deckwatch.exporter.sources.logs.format import json_parser

_LINE_END = b'\\n","'  # the end of a record's text that ends a line


class ContainerLines:
    """Records with the keys log, stream and time; a line of more than 16 KiB is several of them."""

    def complete_length(self, data: bytes) -> int:
        """Return the length of the part that ends with a record that ends a line; 0 if there is none."""
        end = len(data)
        while (found := data.rfind(_LINE_END, 0, end)) >= 0:
            if newline := data.find(b"\n", found) + 1:
                return newline
            end = found
        return 0

    def unwrap(self, data: bytes) -> bytes:
        """Return the lines of complete records; a record that is none is kept as a line."""
        texts, parse_json = [], json_parser()
        for record in data.split(b"\n"):
            if not record:
                continue
            try:
                texts.append(parse_json(record)["log"].encode("utf-8", "replace"))
            except (ValueError, KeyError, TypeError, AttributeError):
                texts.append(record + b"\n")
        return b"".join(texts)
