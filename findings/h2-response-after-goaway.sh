#!/usr/bin/env bash
# h2 4.4.1: a client refuses the response that a server announced to finish with GOAWAY.
#
# RFC 9113, 6.8: a server that shuts down gracefully sends GOAWAY with the last stream that it will answer, and then answers it.
# nginx does so with the last request of a connection (keepalive_requests). h2 treats the connection as closed from GOAWAY on,
# and raises ProtocolError for the HEADERS of a stream that GOAWAY includes, so the response is lost.
#
# A client sends a request on stream 1; the server's SETTINGS, GOAWAY (last stream 1, NO_ERROR) and HEADERS (:status 200) follow.
# Seen: ConnectionTerminated 1 0
#       ProtocolError Invalid input ConnectionInputs.RECV_HEADERS in state ConnectionState.CLOSED
# Consequence here: exporter/sources/http2_exchange.py gives h2 one frame at a time, and sets its state back after such a GOAWAY.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h2==4.4.1
cat >"$folder/client.py" <<'PYTHON'
import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hpack import Encoder
from hyperframe.frame import GoAwayFrame, HeadersFrame, SettingsFrame

client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
client.initiate_connection()
request = [(":method", "GET"), (":scheme", "http"), (":authority", "shop.example"), (":path", "/")]
client.send_headers(1, request, end_stream=True)
client.receive_data(SettingsFrame(0).serialize())
for event in client.receive_data(GoAwayFrame(0, last_stream_id=1, error_code=0).serialize()):
    print(type(event).__name__, event.last_stream_id, int(event.error_code))
response = HeadersFrame(1, Encoder().encode([(":status", "200")]), flags=["END_HEADERS", "END_STREAM"])
try:
    for event in client.receive_data(response.serialize()):
        print(type(event).__name__)
except h2.exceptions.ProtocolError as error:
    print(type(error).__name__, error)
PYTHON
"$folder/venv/bin/python" "$folder/client.py" >"$folder/actual"
cat >"$folder/expected" <<'TEXT'
ConnectionTerminated 1 0
ProtocolError Invalid input ConnectionInputs.RECV_HEADERS in state ConnectionState.CLOSED
TEXT
diff "$folder/expected" "$folder/actual"
echo "as described"
