"""A Prometheus whose blocks a bench has written before it starts."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from deckwatch.provisioning.program import Program, free_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def write_blocks(promtool: str, folder: Path, lines: Iterable[str]) -> None:
    """Write samples, each `SERIES VALUE TIMESTAMP` with an end of line and in seconds, as blocks to `folder/data`."""
    text = folder / "samples"
    with text.open("w", encoding="ascii") as file:
        file.writelines(lines)
        file.write("# EOF\n")
    limit = "--max-block-duration=168h"
    argv = [promtool, "tsdb", "create-blocks-from", "openmetrics", limit, str(text), str(folder / "data")]
    subprocess.run(argv, check=True, capture_output=True)
    text.unlink()


@contextlib.contextmanager
def serve_blocks(prometheus: str, folder: Path, config: str = "{}") -> Iterator[str]:
    """Yield the address of a Prometheus that serves the blocks in `folder/data`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    (folder / "prometheus.yml").write_text(config)
    argv = [
        prometheus,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=400d",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with Program("prometheus", argv, folder / "log", f"{url}/-/ready", end_with_parent=True):
        yield url
