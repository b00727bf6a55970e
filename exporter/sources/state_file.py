"""Small states that survive the end of the process, and of the machine, at any moment: JSON files, replaced whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deckwatch.core.whole_file import replace_file
from deckwatch.exporter.sources.source_failures import StateFault

_MAX_BYTES = 64 << 20


class StateFile:
    """The state of one source in a folder. Two processes may have the same: each writes a state that is whole."""

    def __init__(self, folder: str, name: str) -> None:
        self.path = Path(folder) / f"{quote(name, safe='')}.json"

    def read(self) -> dict[str, Any] | None:
        """Return the stored state; None if there is none. Raises StateFault."""
        try:
            if self.path.stat().st_size > _MAX_BYTES:
                raise StateFault(f"{self.path} has more than {_MAX_BYTES >> 20} MiB")
            state = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise StateFault(f"{self.path} cannot be read: {fault.strerror}") from None
        except (ValueError, RecursionError):
            raise StateFault(f"{self.path} is malformed; delete it to begin again") from None
        if not isinstance(state, dict):
            raise StateFault(f"{self.path} is malformed; delete it to begin again")
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Replace the stored state; raises StateFault."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, json.dumps(state, separators=(",", ":")).encode(), mode=0o600)
        except OSError as fault:
            raise StateFault(f"{self.path} cannot be written: {fault.strerror}") from None
