#!/usr/bin/env bash
# Prometheus 2.42.0+ds (Debian 12): `remote_write: headers:` is accepted and never sent.
#
# The documentation has custom HTTP headers for each request of remote write; receivers with tenants read one (X-Scope-OrgID of Mimir,
# THANOS-TENANT of Thanos). The configuration is valid and shown in the web page, but no request has the header. The release 2.42.0 of
# the project itself and later ones send it.
#
# Seen by an HTTP server that prints the header: `None`.
# Consequence here: `check` warns where the target is 2.42 (provisioning/prometheus_settings.py), and the guide says so.
# Needs Debian 12 with its package server, and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq prometheus=2.42.0+ds-5+deb12u1 2>apt.log || { cat apt.log >&2; exit 2; }
dpkg-deb --extract prometheus_*.deb files
cat >server.py <<'PYTHON'
import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open("headers", "a") as file:
            print(self.headers["X-Scope-OrgID"], file=file)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("port.new", "w") as file:
    file.write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
PYTHON
python3 server.py &
until [[ -e port ]]; do sleep 0.2; done
cat >prometheus.yml <<YAML
global: {scrape_interval: 1s}
remote_write:
  - url: http://127.0.0.1:$(cat port)/write
    headers: {X-Scope-OrgID: berlin}
scrape_configs:
  - job_name: a
    static_configs: [{targets: ["127.0.0.1:1"]}]
YAML
files/usr/bin/prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=127.0.0.1:0 2>log &
for _ in $(seq 100); do [[ -s headers ]] && break; sleep 0.3; done
files/usr/bin/prometheus --version 2>&1 | head -1
sort -u headers | tee seen
diff seen - <<'TEXT'
None
TEXT
echo "as described"
