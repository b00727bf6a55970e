#!/bin/sh
# Runs jobs with metrics in the folder given as argument: ./run.sh /tmp/textfile
set -u
folder=${1:?usage: ./run.sh FOLDER}
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT

deckwatch job run --name backup --every 24h --output "$output" --textfile "$folder" -- \
  sh -c 'seq 1000 >"$1/numbers.txt"' sh "$output"

deckwatch job run --name import --tenant acme --every 10m --textfile "$folder" -- sh -c 'exit 3'
echo "import: exit code $?"

deckwatch job run --name slow-import --no-overlap --textfile "$folder" -- sleep 3 &
sleep 1.5
deckwatch job run --name slow-import --no-overlap --textfile "$folder" -- true
echo "slow-import: exit code $?"
wait

cat "$folder"/*.prom
