#!/usr/bin/env bash
# docker 7.2.0 (Docker SDK for Python): a client that cannot connect leaves its socket open.
#
# `APIClient(version="auto")` for a Unix socket that does not exist raises DockerException, as documented. The socket with
# which it tried is part of a reference cycle and stays open until Python's cyclic garbage collector runs: a program that
# tries again and again holds one more descriptor after each attempt.
#
# Seen, after 20 attempts with the collector disabled and after a collection:
#       20 descriptors
#       0 descriptors
# Consequence here: exporter/sources/docker_client.py connects by itself first, and closes that socket.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check docker==7.2.0 requests==2.34.2 urllib3==2.8.0
cat >"$folder/connect.py" <<'PYTHON'
import gc
import os
import sys

import docker

gc.disable()
before = len(os.listdir("/proc/self/fd"))
for _ in range(20):
    try:
        docker.APIClient(base_url=f"unix://{sys.argv[1]}", version="auto", timeout=2)
    except docker.errors.DockerException:
        pass
print(len(os.listdir("/proc/self/fd")) - before, "descriptors")
gc.collect()
print(len(os.listdir("/proc/self/fd")) - before, "descriptors")
PYTHON
"$folder/venv/bin/python" "$folder/connect.py" "$folder/no.sock" >"$folder/actual"
printf '20 descriptors\n0 descriptors\n' >"$folder/expected"
diff "$folder/expected" "$folder/actual"
echo "as described"
