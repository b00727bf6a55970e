#!/usr/bin/env bash
# prometheus-client 0.26.0, multi-process mode: a new process continues the "live" gauges of a dead one with its number.
#
# A gauge with multiprocess_mode="livesum" is meant to be the sum over the processes that live. Its value is kept in
# gauge_livesum_PID.db. A process that is given the number of one that was killed, as the processes of a restarted
# container usually are, opens that file and begins at the value of the dead one: "jobs in progress" never returns to 0.
# (The documentation asks to empty the folder when the server starts, which a worker that replaces another does not do.)
#
# Two processes, each number 1 of its own PID namespace; each declares the gauge and increases it once.
# Seen: 1 0.0
#       1 1.0
# Consequence here: deckwatch/instrument/live_gauges.py removes a file that no process of its number has open.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prometheus-client==0.26.0
cat >"$folder/worker.py" <<'PYTHON'
import os
from prometheus_client import Gauge

gauge = Gauge("jobs_in_progress", "Jobs in progress.", multiprocess_mode="livesum")
print(os.getpid(), gauge._value.get())
gauge.inc()
PYTHON
mkdir "$folder/metrics"
for _ in 1 2; do
  PROMETHEUS_MULTIPROC_DIR="$folder/metrics" unshare --user --map-root-user --pid --fork \
    "$folder/venv/bin/python" "$folder/worker.py"
done >"$folder/actual"
printf '1 0.0\n1 1.0\n' >"$folder/expected"
diff "$folder/expected" "$folder/actual"
echo "as described"
