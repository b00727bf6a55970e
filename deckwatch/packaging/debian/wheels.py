"""`python -m deckwatch.packaging.debian.wheels`: collect the wheels of the lock file, for images without a network."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from deckwatch.packaging.debian.target_platform import MACHINES, Platform

ROOT = Path(__file__).parents[3]


@click.command()
@click.option("--python", "python_version", default="3.13", show_default=True, help="The Python of the image.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "dist/wheels")
def main(python_version: str, out: Path) -> None:
    """Download the wheels for both architectures, verified by their hashes."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for architecture in MACHINES:
        platform = Platform(architecture, python_version)
        with tempfile.NamedTemporaryFile("w", suffix=".lock") as file:
            file.write(platform.filter_lock(lock))
            file.flush()
            platform.run_pip("download", "--require-hashes", "-r", file.name, "--dest", out)
    click.echo(f"{len(list(out.glob('*.whl')))} wheels in {out}")


if __name__ == "__main__":
    main()
