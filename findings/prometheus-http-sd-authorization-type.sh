#!/usr/bin/env bash
# Prometheus 2.42.0 (Debian 12): HTTP service discovery sends no "Bearer" unless `type` is written.
#
# The documentation gives `authorization: type:` the default Bearer, in http_sd_config as in scrape_config. With only
# `credentials_file`, a scrape sends "Authorization: Bearer abc", but HTTP service discovery sends "Authorization: abc".
#
# Seen by an HTTP server that prints the header: `/default abc` and `/typed Bearer abc`.
# Consequence here: the type is always written (provisioning/discovered_hosts.py).
# Needs Debian 12 with its package server, and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq prometheus=2.42.0+ds-5+deb12u1 2>apt.log || { cat apt.log >&2; exit 2; }
dpkg-deb --extract prometheus_*.deb files
cat >server.py <<'PYTHON'
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("headers", "a") as file:
            print(self.path, self.headers["Authorization"], file=file)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("port.new", "w") as file:
    file.write(str(server.server_port))
import os

os.rename("port.new", "port")
server.serve_forever()
PYTHON
python3 server.py &
until [[ -e port ]]; do sleep 0.2; done
printf abc >token
url=http://127.0.0.1:$(cat port)
cat >prometheus.yml <<YAML
scrape_configs:
  - job_name: a
    http_sd_configs: [{url: "$url/default", authorization: {credentials_file: token}}]
  - job_name: b
    http_sd_configs: [{url: "$url/typed", authorization: {type: Bearer, credentials_file: token}}]
YAML
files/usr/bin/prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=127.0.0.1:0 2>log &
for _ in $(seq 100); do [[ $(sort -u headers 2>/dev/null | wc -l) == 2 ]] && break; sleep 0.3; done
files/usr/bin/prometheus --version 2>&1 | head -1
sort -u headers | tee seen
diff seen - <<'TEXT'
/default abc
/typed Bearer abc
TEXT
echo "as described"
