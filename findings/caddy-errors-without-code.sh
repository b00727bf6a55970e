#!/usr/bin/env bash
# Caddy 2.6.2 (Debian 12): requests that Caddy itself answers with an error are in no metric with a status.
#
# caddy_http_request_duration_seconds is the only one with the label `code` (and caddy_http_response_size_bytes). A request
# for which the upstream cannot be reached is answered with 502, but neither histogram counts it; only
# caddy_http_requests_total and caddy_http_request_errors_total do, without a status. An error ratio by `code` is therefore
# 0 % while every request fails.
#
# Seen, after 5 requests answered 200 and 5 answered 502: 5 in the histogram with code="200", no series with code="502", and
#       5 in caddy_http_request_errors_total.
# Consequence here: the dialect `caddy` says that its error ratio misses such errors.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download caddy=2.6.2-5 >/dev/null 2>&1
dpkg-deb --extract caddy_2.6.2-5_*.deb .
read -r port admin closed < <(python3 - <<'PYTHON'
import socket

sockets = [socket.socket() for _ in range(3)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PYTHON
)
cat >Caddyfile <<CADDY
{
    admin 127.0.0.1:$admin
    auto_https off
    servers {
        metrics
    }
}
http://127.0.0.1:$port {
    handle /fine {
        respond "fine" 200
    }
    handle /down {
        reverse_proxy 127.0.0.1:$closed
    }
}
CADDY
HOME=$folder XDG_DATA_HOME=$folder XDG_CONFIG_HOME=$folder usr/bin/caddy run --config Caddyfile >log 2>&1 &
server=$!
for _ in $(seq 50); do
    curl -s -o page "http://127.0.0.1:$admin/metrics" && break
    sleep 0.2
done
for path in fine down; do
    for _ in 1 2 3 4 5; do
        curl -s -o page -w "/$path answered %{http_code}\n" "http://127.0.0.1:$port/$path"
    done
done | sort | uniq -c | sed 's/^ *//' | tee actual
curl -s "http://127.0.0.1:$admin/metrics" >page
for code in 200 502; do
    series=$(grep '^caddy_http_request_duration_seconds_count' page | grep "code=\"$code\"" || true)
    echo "histogram, code=\"$code\": ${series:-none}"
done | tee -a actual
echo "errors: $(grep '^caddy_http_request_errors_total' page)" | tee -a actual
cat >expected <<'TEXT'
5 /down answered 502
5 /fine answered 200
histogram, code="200": caddy_http_request_duration_seconds_count{code="200",handler="subroute",method="GET",server="srv0"} 5
histogram, code="502": none
errors: caddy_http_request_errors_total{handler="subroute",server="srv0"} 5
TEXT
diff expected actual
echo "as described"
