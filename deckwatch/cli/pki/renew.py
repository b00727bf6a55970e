"""`deckwatch pki renew`: replace certificates before they expire."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from deckwatch.cli.pki import _certificates

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate

    from deckwatch.provisioning.pki.certificate_folder import CertificateFolder

_WITHIN_DAYS = 30


@click.command()
@click.argument("names", metavar="[HOST]...", nargs=-1)
@_certificates.folder_option
@click.option(
    "--within",
    type=click.IntRange(0),
    default=_WITHIN_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Renew certificates that expire within so many days.",
)
@_certificates.days_option
@click.pass_obj
def command(project: Path, /, *, names: tuple[str, ...], folder: str | None, within: int, days: int) -> None:
    """Replace the certificates that expire soon, or have expired, with new keys; or those of each HOST.

    Their names stay the same. Copy the folders again, as after `issue`: the exporters and Prometheus read them without
    a restart. A certificate of another authority is replaced only if its HOST is given.
    """
    from deckwatch.cli import _project
    from deckwatch.core.problems import DeckwatchError, did_you_mean

    loaded = _project.load_project(project)
    certificates = _certificates.open_folder(loaded, folder)
    authority = certificates.read_authority()
    held = list(certificates.list_holders())
    for name in names:
        if name not in held:
            hint = did_you_mean(name, held)
            raise DeckwatchError(f"{name} has no certificate in {certificates.path}" + (f"; {hint}" if hint else ""))
    certificates_by_name = {name: certificates.read_certificate(name) for name in names or held}
    if not names:
        _refuse_foreign(certificates, certificates_by_name, authority.certificate)
    limit = certificates.now + dt.timedelta(days=within)
    due = [name for name, held in certificates_by_name.items() if names or held.not_valid_after_utc <= limit]
    for name in due:
        from deckwatch.provisioning.pki import authority as pki

        written = certificates.issue(authority, name, pki.list_names(certificates_by_name[name]), days)
        _certificates.print_written(written, project)
    if not due:
        soonest = min((one.not_valid_after_utc for one in certificates_by_name.values()), default=None)
        first = f"; the first on {soonest:%Y-%m-%d}" if soonest else ""
        click.echo(f"no certificate expires within {within} days{first}", err=True)


def _refuse_foreign(certificates: CertificateFolder, found: dict[str, Certificate], authority: Certificate) -> None:
    """Raise DeckwatchError with all certificates that another authority has issued."""
    from deckwatch.core.own_command import format_command
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning.pki import authority as pki

    foreign = [name for name, certificate in found.items() if not pki.is_issued_by(certificate, authority)]
    if foreign:
        files = ", ".join(str(certificates.holder_path(name) / "tls.crt") for name in foreign)
        raise DeckwatchError(
            f"issued by another authority than {certificates.path / 'ca.crt'}: {files}; "
            f"`{format_command('pki', 'renew', *foreign)}` replaces them"
        )
