"""`deckwatch grafana convert`: dashboards of one form of Grafana's in another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.cli._options import OutputPath

if TYPE_CHECKING:
    from deckwatch.provisioning.dashboard_conversion import ConvertedDashboard, Target


class _Convert(click.Command):
    """A command that works on a given file and reads no project."""

    reads_no_project = True


@click.command("convert", cls=_Convert)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--to",
    "target",
    type=click.Choice(["classic", "v1", "v2"]),
    required=True,
    help="classic: for files of any Grafana. v1: resource with the classic model, 12.0 or later. v2: 13.0 or later.",
)
@click.option(
    "-o",
    "--out",
    type=OutputPath(),
    show_default="standard output",
    help="Output file, in YAML if its name ends in .yaml or .yml, or folder; it is made if its name has no suffix.",
)
def command(file: Path, target: Target, out: Path | None) -> int:
    """Convert a dashboard between Grafana's classic model and the schemas of Grafana 12 and 13.

    FILE is JSON or YAML, `-` for standard input: a classic dashboard, a resource of dashboard.grafana.app, a bare v2
    spec, also inside a ConfigMap or a GrafanaManifest. What the new form cannot express is listed with its path.
    """
    from deckwatch.provisioning import dashboard_conversion, dashboard_file

    converted = [
        (found.source, dashboard_conversion.convert_dashboard(found, target))
        for found in dashboard_file.read_dashboards(file)
    ]
    _write_dashboards([dashboard for _, dashboard in converted], out)
    for source, dashboard in converted:
        for loss in dashboard.losses:
            click.echo(f"{source}: {loss}", err=True)
    return 0


def _write_dashboards(converted: list[ConvertedDashboard], out: Path | None) -> None:
    """Write one dashboard to a file or standard output, or any number of them into a folder.

    A path that does not exist and has no suffix is a folder too, and is made.
    """
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.core.whole_file import replace_file
    from deckwatch.provisioning import dashboard_conversion

    names = [dashboard.name for dashboard in converted]
    if out is not None and (out.is_dir() or not (out.suffix or out.exists())):
        if twins := sorted({name for name in names if names.count(name) > 1}):
            raise DeckwatchError(f"several dashboards are called {twins[0]}: their names are their files' names")
        out.mkdir(parents=True, exist_ok=True)
        paths = [out / f"{dashboard_conversion.file_stem(name)}.json" for name in names]
    elif len(converted) != 1:
        raise DeckwatchError(f"{len(converted)} dashboards ({', '.join(names)}): --out must be a folder")
    else:
        paths = [out] if out is not None else []
    if not paths:
        click.echo(dashboard_conversion.write_text(converted[0].content, as_yaml=False), nl=False)
    for path, dashboard in zip(paths, converted, strict=False):
        text = dashboard_conversion.write_text(dashboard.content, as_yaml=path.suffix in (".yaml", ".yml"))
        replace_file(path, text.encode("utf-8", "replace"))
