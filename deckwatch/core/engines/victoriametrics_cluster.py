"""VictoriaMetrics, cluster: vminsert and vmselect at two addresses, the tenant in the path.

https://docs.victoriametrics.com/victoriametrics/cluster-victoriametrics/#url-format
"""

from __future__ import annotations

import dataclasses

from deckwatch.core.engines import victoriametrics

ENGINE = dataclasses.replace(
    victoriametrics.ENGINE,
    title="VictoriaMetrics cluster",
    write_path="/insert/{tenant}/prometheus/api/v1/write",
    query_path="/select/{tenant}/prometheus",
    separate_query=True,
    tenant_pattern=r"[0-9]{1,10}(:[0-9]{1,10})?",
    tenant_hint="an account such as 7, or an account and a project such as 7:1",
    default_tenant="0",
)
