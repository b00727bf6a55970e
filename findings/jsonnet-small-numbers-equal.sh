#!/usr/bin/env bash
# rjsonnet 0.5.6 (jrsonnet, in Rust): `==` calls any two numbers equal that differ by less than 2.2e-16.
#
# The tolerance is absolute, so that all small numbers are equal to each other and to 0, while `<` and `>` are exact: a
# number can be greater than another and equal to it. std.set then drops one of two different numbers. The C++ engine
# (jsonnet 0.22.0) compares exactly.
#
# Seen: expression                 C++      Rust
#       1e-17 == 0                 false    true
#       1e-17 > 0                  true     true
#       1e-16 == 2e-16             false    true
#       std.set([1e-17, 2e-17])    both     1e-17 only
# Consequence here: our library compares only texts and whole numbers with `==`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jsonnet==0.22.0 rjsonnet==0.5.6
cat >"$folder/compare.py" <<'PYTHON'
import json

import _jsonnet
import rjsonnet

for program in ("1e-17 == 0", "1e-17 > 0", "1e-16 == 2e-16", "std.set([1e-17, 2e-17])", "1e-15 == 0"):
    values = [json.loads(engine.evaluate_snippet("program", program)) for engine in (_jsonnet, rjsonnet)]
    print(program, *values, sep=" | ")
PYTHON
"$folder/venv/bin/python" "$folder/compare.py" | tee "$folder/actual"
cat >"$folder/expected" <<'TEXT'
1e-17 == 0 | False | True
1e-17 > 0 | True | True
1e-16 == 2e-16 | False | True
std.set([1e-17, 2e-17]) | [1e-17, 2e-17] | [1e-17]
1e-15 == 0 | False | False
TEXT
diff "$folder/expected" "$folder/actual"
echo "as described"
