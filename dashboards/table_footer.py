"""The footer of tables: an option of the panel until Grafana 12.1, one of the fields from 12.2 on.

Later versions migrate the older form when they open a dashboard and save the newer one (grafana#102948). Generated
tables have both, so a dashboard that somebody saved, or that is imported, is completed before it is compared with ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject


def complete_footer(panel: JsonMapping) -> JsonObject:
    """Return a panel with both forms of its footer and pagination; unchanged if it is no table or states both.

    A footer of some fields only, or with the number of rows, stays as it is: its newer form is in `overrides`.
    """
    if panel.get("type") != "table":
        return dict(panel)
    options, config = as_object(panel.get("options")), as_object(panel.get("fieldConfig"))
    defaults = as_object(config.get("defaults"))
    custom = as_object(defaults.get("custom"))
    older, newer = as_object(options.get("footer")), as_object(custom.get("footer"))
    reducers = newer.get("reducers") or []
    shown = bool(reducers) or (older.get("show") is True and not older.get("fields") and not older.get("countRows"))
    pages = options.get("enablePagination", older.get("enablePagination"))
    footer: JsonObject = {
        "show": bool(reducers),
        "reducer": reducers or ["sum"],
        "countRows": False,
        **older,
        "fields": older.get("fields") or [],
    }
    result: JsonObject = {**panel, "options": {**options, "footer": footer}}
    if pages:
        footer["enablePagination"] = result["options"]["enablePagination"] = True
    if shown:
        custom = {**custom, "footer": {**newer, "reducers": reducers or footer["reducer"]}}
        result["fieldConfig"] = {**config, "defaults": {**defaults, "custom": custom}}
    return result
