#!/usr/bin/env bash
# jsonschema-rs 0.60.3 and 0.61.2 (Python): the path of an error names a mapping's key that looks like a number by an integer.
#
# instance_path of an error below {"01": …} is [1], as below {"1": …} and {"+1": …}: the value cannot be looked up by it (KeyError),
# and two different keys of one mapping have the same path. "-1" and "1.5" stay strings. JSON Pointer (RFC 6901) keeps the text of a
# key; Python's jsonschema 4.25.1 returns "01".
# Consequence here: deckwatch/core/schema.py looks the key up (test_a_key_that_looks_like_a_number_has_a_position).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/paths.py" <<'PYTHON'
import sys

schema = {"additionalProperties": {"type": "string"}}
if sys.argv[1] == "jsonschema":
    from jsonschema import Draft202012Validator as Validator
else:
    from jsonschema_rs import Draft202012Validator as Validator
for key in ("1", "01", "+1", "-1", "1.5"):
    [error] = Validator(schema).iter_errors({key: 3})
    path = error.absolute_path if sys.argv[1] == "jsonschema" else error.instance_path
    print(repr(key), list(path))
PYTHON

expected=$'\'1\' [1]\n\'01\' [1]\n\'+1\' [1]\n\'-1\' [\'-1\']\n\'1.5\' [\'1.5\']'
for version in 0.60.3 0.61.2; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "jsonschema_rs==$version"
  seen=$("$folder/$version/bin/python" "$folder/paths.py" jsonschema_rs)
  echo "jsonschema_rs $version:"
  echo "$seen"
  [[ $seen == "$expected" ]] || { echo "changed: expected"; echo "$expected"; exit 1; }
done

python3 -m venv "$folder/reference"
"$folder/reference/bin/pip" install --quiet --disable-pip-version-check jsonschema==4.25.1
seen=$("$folder/reference/bin/python" "$folder/paths.py" jsonschema)
echo "jsonschema 4.25.1:"
echo "$seen"
[[ $seen == $'\'1\' [\'1\']\n\'01\' [\'01\']\n\'+1\' [\'+1\']\n\'-1\' [\'-1\']\n\'1.5\' [\'1.5\']' ]] || { echo "changed"; exit 1; }
