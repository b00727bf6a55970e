"""`deckwatch service status`: whether the service is installed, enabled and running."""

from __future__ import annotations

import click

from deckwatch.cli.service import _steps

_UNIT_STATES = {"unchanged": "as installed", "changed": "changed by hand"}


@click.command(cls=_steps.ServiceCommand)
@_steps.user_option
def command(*, is_user: bool) -> int:
    """Show whether the service is installed, starts at boot, and runs; exit 1 if it does not run."""
    from deckwatch.packaging import service as services

    service = services.find_service(is_user=is_user)
    state, package_unit = service.read_state(), None if is_user else services.find_package_unit()
    if state == "absent" and package_unit is None:
        click.echo("not installed")
        return 1
    if state == "absent":
        click.echo(f"unit     {package_unit}, of the Debian package")
    else:
        version = service.read_version()
        by = f", by deckwatch {version}" if version else ""
        click.echo(f"unit     {service.unit}, {_UNIT_STATES[state]}{by}")
    found = services.read_properties(service, "ActiveState", "SubState", "UnitFileState", "ActiveEnterTimestamp")
    since = f" since {found['ActiveEnterTimestamp']}" if found.get("ActiveEnterTimestamp") else ""
    click.echo(f"at boot  {found.get('UnitFileState') or 'unknown'}")
    click.echo(f"state    {found.get('ActiveState')} ({found.get('SubState')}){since}")
    if found.get("ActiveState") == "active":
        return 0
    journal = "journalctl --user" if is_user else "journalctl"
    click.echo(f"see {journal} --unit {service.unit.name}", err=True)
    return 1
