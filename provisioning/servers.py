"""The programs that `deckwatch up` starts: command lines, settings, and how to install them.

Each listens on loopback, reads the bundle, and keeps its data in a folder below the state folder.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core.contract import load_contract
from deckwatch.provisioning.program import Program, find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EXPORTER, PROMETHEUS, ALERTMANAGER, GRAFANA = "exporter", "prometheus", "alertmanager", "grafana"
ADDRESS = "127.0.0.1"
HOME = "grafana/dashboards/operations/overview.json"  # in the bundle
PORTS = {EXPORTER: int(load_contract()["port"]), PROMETHEUS: 9090, ALERTMANAGER: 9093, GRAFANA: 3000}
HOW_TO_GET = {
    PROMETHEUS: "apt-get install prometheus, or https://prometheus.io/download",
    ALERTMANAGER: "apt-get install prometheus-alertmanager, or https://prometheus.io/download",
    GRAFANA: "https://grafana.com/grafana/download?edition=oss",
}
_NAMES = {
    PROMETHEUS: ("prometheus",),
    ALERTMANAGER: ("prometheus-alertmanager", "alertmanager"),  # Debian's name, then upstream's
    GRAFANA: ("grafana", "grafana-server"),
}


@dataclass(frozen=True)
class Site:
    """Where a stack runs: state folder, project, ports by program, and options of the exporter.

    `links` are the URLs at which people open the programs, by name; without one, the program's own. `min_refresh` is
    Grafana's shortest refresh interval, by default its own.
    """

    state: Path
    project: Path
    ports: Mapping[str, int]
    exporter_arguments: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    prometheus_arguments: Sequence[str] = ()
    min_refresh: str = ""

    @property
    def bundle(self) -> Path:
        """Folder of the generated files."""
        return self.state / "bundle"

    def listen_address(self, name: str) -> str:
        """Return the host:port that a program listens on."""
        return f"{ADDRESS}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Return the URL of a program."""
        return f"http://{self.listen_address(name)}"

    def public_url(self, name: str) -> str:
        """Return the URL at which people open a program, without a slash at the end."""
        return self.links.get(name) or self.url(name)

    def data_folder(self, name: str) -> Path:
        """Return the data folder of a program, created if missing."""
        folder = self.state / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log_file(self, name: str) -> Path:
        """Return the log file of a program."""
        return self.state / "log" / f"{name}.log"


def installed_path(name: str) -> str | None:
    """Return the path of a program, None if it is not installed; for the exporter, that of this Python."""
    return sys.executable if name == EXPORTER else find_program(*_NAMES[name])


def build_program(name: str, site: Site) -> Program | None:
    """Return a program, not started; None if it is not installed."""
    path = installed_path(name)
    return _BUILDERS[name](path, site) if path else None


def _exporter_program(python: str, site: Site) -> Program:
    argv = [python, "-m", "deckwatch", "--project", str(site.project), "serve"]
    # On loopback and without a password like the others: the settings under `serve:` are for the network.
    argv += ["--listen", site.listen_address(EXPORTER), "--web.config.file=", *site.exporter_arguments]
    ready = site.url(EXPORTER) + "/readyz"
    return Program(
        EXPORTER, argv, site.log_file(EXPORTER), ready, environment=site.environment or {}, end_with_parent=True
    )


def _prometheus_program(path: str, site: Site) -> Program:
    argv = [
        path,
        f"--config.file={site.bundle / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={site.data_folder(PROMETHEUS)}",
        f"--web.listen-address={site.listen_address(PROMETHEUS)}",
        f"--web.external-url={site.public_url(PROMETHEUS)}",
        "--web.route-prefix=/",  # by default the path of the external URL
        *site.prometheus_arguments,
    ]
    return Program(PROMETHEUS, argv, site.log_file(PROMETHEUS), site.url(PROMETHEUS) + "/-/ready", end_with_parent=True)


def _alertmanager_program(path: str, site: Site) -> Program:
    argv = [
        path,
        f"--config.file={site.bundle / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={site.data_folder(ALERTMANAGER)}",
        f"--web.listen-address={site.listen_address(ALERTMANAGER)}",
        f"--web.external-url={site.public_url(ALERTMANAGER)}",
        "--web.route-prefix=/",  # by default the path of the external URL
        "--cluster.listen-address=",  # a single instance: no gossip port
    ]
    return Program(
        ALERTMANAGER, argv, site.log_file(ALERTMANAGER), site.url(ALERTMANAGER) + "/-/ready", end_with_parent=True
    )


def _grafana_program(path: str, site: Site) -> Program:
    folder = site.data_folder(GRAFANA)
    config = folder / "grafana.ini"  # empty, so that Grafana does not read the system-wide file
    config.touch()
    (folder / "plugins").mkdir(exist_ok=True)
    argv = [path] if Path(path).name == "grafana-server" else [path, "server"]
    argv += [f"--homepath={_grafana_homepath(Path(path))}", f"--config={config}"]
    ready = site.url(GRAFANA) + "/api/health"
    settings = _grafana_settings(folder, site)
    return Program(GRAFANA, argv, site.log_file(GRAFANA), ready, environment=settings, end_with_parent=True)


def _grafana_settings(folder: Path, site: Site) -> dict[str, str]:
    """Return Grafana's settings as environment variables: GF_<section>_<key>."""
    sections: dict[str, dict[str, str]] = {
        "paths": {
            "data": str(folder),
            "logs": str(folder / "log"),
            "plugins": str(folder / "plugins"),
            "provisioning": str(site.bundle / "grafana" / "provisioning"),
        },
        "server": {
            "http_addr": ADDRESS,
            "http_port": str(site.ports[GRAFANA]),
            "root_url": site.public_url(GRAFANA) + "/",
        },
        # Anyone who reaches loopback can query Prometheus too: viewing needs no password, editing does.
        "auth_anonymous": {"enabled": "true", "org_role": "Viewer"},
        "security": {"admin_password": f"$__file{{{admin_password(site)}}}", "disable_gravatar": "true"},
        "dashboards": {"default_home_dashboard_path": str(site.bundle / HOME)}
        | ({"min_refresh_interval": site.min_refresh} if site.min_refresh else {}),
        "analytics": {
            "reporting_enabled": "false",
            "check_for_updates": "false",
            "check_for_plugin_updates": "false",
        },
        "news": {"news_feed_enabled": "false"},
        "plugins": {"preinstall_disabled": "true"},
        "log": {"mode": "console"},
    }
    values = {f"GF_{section}_{key}".upper(): value for section, keys in sections.items() for key, value in keys.items()}
    return values | {
        "DECKWATCH_BUNDLE": str(site.bundle),
        "DECKWATCH_PROMETHEUS_URL": site.url(PROMETHEUS),
        "DECKWATCH_ALERTMANAGER_URL": site.url(ALERTMANAGER),
    }


def admin_password(site: Site) -> Path:
    """Return the file with Grafana's administrator password, generated at the first start."""
    file = site.data_folder(GRAFANA) / "admin-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(18), encoding="ascii")
    return file


def _grafana_homepath(binary: Path) -> Path:
    """Return the folder of Grafana's own files: beside its `bin`, or that of the distribution packages."""
    parent = binary.resolve().parent.parent
    return parent if (parent / "conf" / "defaults.ini").is_file() else Path("/usr/share/grafana")


_BUILDERS: dict[str, Callable[[str, Site], Program]] = {
    EXPORTER: _exporter_program,
    PROMETHEUS: _prometheus_program,
    ALERTMANAGER: _alertmanager_program,
    GRAFANA: _grafana_program,
}
