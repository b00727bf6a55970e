"""Types of parsed JSON and YAML. What a container holds is unknown until it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
JsonMapping: TypeAlias = Mapping[str, Any]  # read only
Json: TypeAlias = JsonObject | list[Any] | str | int | float | bool | None
