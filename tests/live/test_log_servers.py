"""Logs as real servers write them: every line is understood, and the counts are those of the requests sent."""

from __future__ import annotations

import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

COUNT = re.compile(r'^http_requests_total\{.*handler="([^"]*)",code="(\d+)".*\} (\d+)$', re.MULTILINE)
ROUNDS = 10

APACHE = """
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
{modules}
User www-data
DocumentRoot {folder}/files
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {folder}/access.log combined
<Directory {folder}/files>
  Require all granted
</Directory>
Redirect 302 /orders/ /ok
"""
HAPROXY = """
global
  log stdout format {syslog} local0
defaults
  mode http
  log global
  option httplog
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend shop
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string fine if {{ path /ok }}
  http-request redirect location /ok if {{ path_beg /orders/ }}
  http-request return status 404
"""
CADDY = """
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  log {{
    output file {folder}/access.log
    format json
  }}
  respond /ok "fine" 200
  redir /orders/* /ok
  respond 404
}}
"""


def apache(need, folder, port):
    program = need("apache2", "httpd", get="apt-get install apache2-bin")
    modules = Path("/usr/lib/apache2/modules")
    names = ("mpm_event", "authz_core", "alias", "unixd")
    loaded = "\n".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so" for name in names if (modules / f"mod_{name}.so").exists()
    )
    (folder / "files").mkdir()
    (folder / "files/ok").write_text("fine")
    folder.chmod(0o755)
    (folder / "httpd.conf").write_text(APACHE.format(folder=folder, port=port, modules=loaded))
    return [program, "-f", str(folder / "httpd.conf"), "-DFOREGROUND"], "combined"


def haproxy(need, folder, port, syslog="raw"):
    program = need("haproxy", get="apt-get install haproxy")
    (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, syslog=syslog))
    return [program, "-f", str(folder / "haproxy.cfg"), "-db"], "haproxy"


def haproxy_with_header(need, folder, port):
    return haproxy(need, folder, port, syslog="rfc3164")


def caddy(need, folder, port):
    program = need("caddy", get="apt-get install caddy")
    (folder / "Caddyfile").write_text(CADDY.format(folder=folder, port=port))
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], "caddy"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def request(url: str) -> int:
    try:
        with urllib.request.build_opener(NoRedirect).open(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def send_garbage(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b'\x16\x03\x01 "garbage"\r\n\r\n')
        connection.settimeout(5)
        while connection.recv(1000):
            pass


@pytest.mark.parametrize("make", [apache, haproxy, haproxy_with_header, caddy])
def test_a_servers_log(need, tmp_path, tmp_path_factory, log_exporter, make):
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    argv, log_format = make(need, folder, port)
    log = folder / "access.log"
    log.touch()
    written = log if log_format == "haproxy" else folder / "server.log"
    environment = {**os.environ, "HOME": str(folder)}
    with Program("server", argv, log=written, ready=f"http://127.0.0.1:{port}/ok", environment=environment):
        watched = log_exporter(f"service: shop, file: {log}, format: {log_format}, begin: start")
        sent: Counter[tuple[str, str]] = Counter()
        for number in range(ROUNDS):
            for path, handler in (("/ok?a=b", "/ok"), (f"/orders/{number}", "/orders/{id}"), (f"/x{number}", "none")):
                sent[handler, str(request(f"http://127.0.0.1:{port}{path}"))] += 1
        bad = log_format != "caddy"  # which does not log what is no HTTP
        if bad:
            send_garbage(port)
        page = watched.wait_for(f'code="404",protocol="http/1.1"}} {ROUNDS}')
        page = watched.wait_for('code="400"') if bad else page
    counted = {(handler, code): int(count) for handler, code, count in COUNT.findall(page) if count != "0"}
    assert counted.pop(("none", "400"), 0) == int(bad)
    assert counted.pop(("/ok", "200")) >= ROUNDS  # with those that asked whether the server is ready
    sent.pop(("/ok", "200"))
    assert counted == dict(sent)
    unmatched = re.search(r"deckwatch_log_unmatched_lines_total\{.*\} (\d+)", page)[1]
    assert int(unmatched) <= (3 if log_format == "haproxy" else 0), page  # its own messages go to the same place
    assert ("http_request_duration_seconds_count" in page) == (log_format != "combined")


@pytest.mark.parametrize(
    ("log_format", "file"), [("postgresql", "log"), ("postgresql_csv", "csv"), ("postgresql_json", "json")]
)
def test_postgresqls_own_log(postgres_server, log_exporter, log_format, file):
    server = postgres_server(
        log_min_duration_statement="100ms",
        log_line_prefix="%m [%p] %q%u@%d ",
        logging_collector="on",
        log_destination="stderr,csvlog,jsonlog",
        log_directory="..",
        log_filename="collected.log",
        log_file_mode="0644",
    )
    server.folder.chmod(0o755)
    log = server.folder / f"collected.{file}"
    watched = log_exporter(f"service: shop-db, file: {log}, format: {log_format}, slow_query: 200ms")
    watched.wait_for('log_messages_total{service="shop-db",level="error"} 0')
    server.sql("SELECT pg_sleep(0.3)\n\n, 'a \"quoted\", text'", database="shop")
    server.sql("SELECT pg_sleep(0.15)", database="shop")  # logged, but not slow for us
    server.sql("SELECT 1", database="shop")
    with pytest.raises(Exception, match="does not exist"):
        server.sql("SELECT *\nFROM missing", database="shop")
    page = watched.wait_for('log_messages_total{service="shop-db",level="error"} 1')
    assert 'pg_slow_queries_total{server="shop-db",datname="shop"} 1' in page
    assert 'deckwatch_log_unmatched_lines_total{service="shop-db"} 0' in page
    kind = "none" if log_format == "postgresql" else "42P01"  # with the next message
    with pytest.raises(Exception, match="does not exist"):
        server.sql("SELECT * FROM missing", database="shop")
    watched.wait_for(f'app_errors_total{{service="shop-db",type="{kind}"}} 2')


def test_a_containers_log_that_the_engine_rotates(engine, log_exporter):
    options = {"type": "json-file", "config": {"max-size": "20k", "max-file": "20", "compress": "true"}}
    line = '127.0.0.1 - - [30/Nov/2026:02:00:00 +0000] "GET /orders/$i HTTP/1.1" 200 5 "-" "-"'
    long = "x" * 20_000  # more than the engine puts into one record
    loop = f"i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo '{line}' | sed s/.i/$i/; done"
    script = f"sleep 3; {loop}; echo {long}; sleep 1000"
    watched = log_exporter("service: shop, container: shop-web-*, format: combined", f"--docker-host={engine.url}")
    engine.run(script, name="shop-web-1", log_config=options)
    page = watched.wait_for('deckwatch_log_lines_total{service="shop"} 601', 60)
    assert 'handler="/orders/{id}",code="200",protocol="http/1.1"} 600' in page
    assert 'deckwatch_log_unmatched_lines_total{service="shop"} 1' in page
    watched.kill()
    watched.start()  # the engine answers only after the first reading
    watched.wait_for('deckwatch_log_lines_total{service="shop"} 601')
    time.sleep(4)
    assert 'deckwatch_log_lines_total{service="shop"} 601' in watched.read_page()
