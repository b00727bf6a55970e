#!/bin/sh
# Writes metrics of a delivery to the folder given as argument: ./run.sh /tmp/textfile
set -eu
folder=${1:?usage: ./run.sh FOLDER}
cd "$(dirname "$0")"

deckwatch collect junit --suite unit --component storage --textfile "$folder" report.xml
deckwatch collect coverage --component storage --textfile "$folder" coverage.info
deckwatch collect plan --textfile "$folder" plan.yml
deckwatch collect git --repo deckwatch --textfile "$folder" .
deckwatch collect deploy --service shop --version 1.4.2 --environment production --textfile "$folder"
