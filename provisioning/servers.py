"""The programs of the stack as `deckwatch up` starts them: how each is called, and where it is to be had.

All listen on loopback, read the bundle, and keep what they must keep in a folder of their own below the state folder.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core.contract import load_contract
from deckwatch.provisioning.program import Program, find

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EXPORTER, PROMETHEUS, ALERTMANAGER, GRAFANA = "exporter", "prometheus", "alertmanager", "grafana"
ADDRESS = "127.0.0.1"
PORTS = {EXPORTER: int(load_contract()["port"]), PROMETHEUS: 9090, ALERTMANAGER: 9093, GRAFANA: 3000}
HOW_TO_GET = {
    PROMETHEUS: "apt-get install prometheus, or https://prometheus.io/download",
    ALERTMANAGER: "apt-get install prometheus-alertmanager, or https://prometheus.io/download",
    GRAFANA: "https://grafana.com/grafana/download?edition=oss",
}
_NAMES = {
    PROMETHEUS: ("prometheus",),
    ALERTMANAGER: ("prometheus-alertmanager", "alertmanager"),  # Debian's name, upstream's name
    GRAFANA: ("grafana", "grafana-server"),
}


@dataclass(frozen=True)
class Site:
    """Where a stack lives: its state folder, its ports by program, and what its exporter is called with."""

    state: Path
    project: Path
    ports: Mapping[str, int]
    exporter_arguments: Sequence[str] = ()
    environment: Mapping[str, str] | None = None

    @property
    def bundle(self) -> Path:
        """The folder that holds the generated files."""
        return self.state / "bundle"

    def address(self, name: str) -> str:
        """Return host:port of a program."""
        return f"{ADDRESS}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Return the address of a program's page."""
        return f"http://{self.address(name)}"

    def keep(self, name: str) -> Path:
        """Return the folder of a program, made if need be."""
        folder = self.state / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """Return the file that a program's output goes to."""
        return self.state / "log" / f"{name}.log"


def installed(name: str) -> str | None:
    """Return the path of a program of the stack; the exporter is us."""
    return sys.executable if name == EXPORTER else find(*_NAMES[name])


def program(name: str, site: Site) -> Program | None:
    """Return a program, ready to be started; None where it is not installed."""
    path = installed(name)
    return _MAKERS[name](path, site) if path else None


def _exporter(python: str, site: Site) -> Program:
    argv = [python, "-m", "deckwatch", "--project", str(site.project), "serve"]
    # On loopback as all the others, which nobody asks for passwords either: what `serve:` says is for the network.
    argv += ["--listen", site.address(EXPORTER), "--web.config.file=", *site.exporter_arguments]
    ready = site.url(EXPORTER) + "/readyz"
    return Program(EXPORTER, argv, site.log(EXPORTER), ready, environment=site.environment or {}, tether=True)


def _prometheus(path: str, site: Site) -> Program:
    argv = [
        path,
        f"--config.file={site.bundle / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={site.keep(PROMETHEUS)}",
        f"--web.listen-address={site.address(PROMETHEUS)}",
        f"--web.external-url={site.url(PROMETHEUS)}",
    ]
    return Program(PROMETHEUS, argv, site.log(PROMETHEUS), site.url(PROMETHEUS) + "/-/ready", tether=True)


def _alertmanager(path: str, site: Site) -> Program:
    argv = [
        path,
        f"--config.file={site.bundle / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={site.keep(ALERTMANAGER)}",
        f"--web.listen-address={site.address(ALERTMANAGER)}",
        f"--web.external-url={site.url(ALERTMANAGER)}",
        "--cluster.listen-address=",  # alone: no gossip, and no port for it
    ]
    return Program(ALERTMANAGER, argv, site.log(ALERTMANAGER), site.url(ALERTMANAGER) + "/-/ready", tether=True)


def _grafana(path: str, site: Site) -> Program:
    folder = site.keep(GRAFANA)
    own = folder / "grafana.ini"  # named and empty, so that no machine-wide file is read
    own.touch()
    (folder / "plugins").mkdir(exist_ok=True)
    argv = [path] if Path(path).name == "grafana-server" else [path, "server"]
    argv += [f"--homepath={_homepath(Path(path))}", f"--config={own}"]
    ready = site.url(GRAFANA) + "/api/health"
    settings = _grafana_settings(folder, site)
    return Program(GRAFANA, argv, site.log(GRAFANA), ready, environment=settings, tether=True)


def _grafana_settings(folder: Path, site: Site) -> dict[str, str]:
    """Return Grafana's settings as variables of its environment: GF_<section>_<key>."""
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
            "root_url": site.url(GRAFANA) + "/",
        },
        # Whoever reaches loopback reaches Prometheus too: looking needs no password, changing does.
        "auth_anonymous": {"enabled": "true", "org_role": "Viewer"},
        "security": {"admin_password": f"$__file{{{admin_password(site)}}}", "disable_gravatar": "true"},
        "dashboards": {"default_home_dashboard_path": str(site.bundle / HOME)},
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
    """Return the file with Grafana's administrator password, which is made at the first start."""
    file = site.keep(GRAFANA) / "admin-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(18), encoding="ascii")
    return file


def _homepath(binary: Path) -> Path:
    """Return the folder with Grafana's own files: beside its `bin`, or where the packages put it."""
    beside = binary.resolve().parent.parent
    return beside if (beside / "conf" / "defaults.ini").is_file() else Path("/usr/share/grafana")


HOME = "grafana/dashboards/deckwatch/overview.json"
_MAKERS: dict[str, Callable[[str, Site], Program]] = {
    EXPORTER: _exporter,
    PROMETHEUS: _prometheus,
    ALERTMANAGER: _alertmanager,
    GRAFANA: _grafana,
}
