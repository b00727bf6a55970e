#!/usr/bin/env bash
# rjsonnet 0.5.6 (jrsonnet, in Rust): std.parseJson does not return the double nearest to a number's text.
#
# The same digits give the nearest double as a literal in code, and in the C++ engine (jsonnet 0.22.0) both ways. Of random
# numbers between -10 and 10, in their shortest exact form, std.parseJson gets more than 5 % wrong by a unit in the last
# place. A value that is passed to a program as JSON text and written again has then changed, without an error.
#
# Seen: expression                                            C++      Rust
#       -1.0238095238095237                                   exact    exact
#       std.parseJson("-1.0238095238095237")                  exact    -1.0238095238095235
#       std.parseJson("-1.02…37") > -1.02…37                  false    true
# Consequence here: arguments are given to Jsonnet as code (test_arguments_and_results_are_exact).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jsonnet==0.22.0 rjsonnet==0.5.6
cat >"$folder/compare.py" <<'PYTHON'
import json
import random

import _jsonnet
import rjsonnet

TEXT = "-1.0238095238095237"
PARSED = f'std.parseJson("{TEXT}")'
random.seed(1)
TEXTS = [repr(random.uniform(-10, 10)) for _ in range(2000)]


def evaluate(engine, program):
    return json.loads(engine.evaluate_snippet("program", program))


for name, engine in (("C++", _jsonnet), ("Rust", rjsonnet)):
    for program in (TEXT, PARSED):
        print(name, program, "exact" if evaluate(engine, program) == float(TEXT) else "not exact", sep=" | ")
    print(name, "greater than itself", evaluate(engine, f"{PARSED} > {TEXT}"), sep=" | ")
    values = evaluate(engine, "[" + ",".join(f'std.parseJson("{text}")' for text in TEXTS) + "]")
    wrong = sum(value != float(text) for value, text in zip(values, TEXTS))
    print(name, "none wrong" if not wrong else "over 5 % wrong" if wrong > len(TEXTS) / 20 else "some wrong", sep=" | ")
PYTHON
"$folder/venv/bin/python" "$folder/compare.py" | tee "$folder/actual"
cat >"$folder/expected" <<'TEXT'
C++ | -1.0238095238095237 | exact
C++ | std.parseJson("-1.0238095238095237") | exact
C++ | greater than itself | False
C++ | none wrong
Rust | -1.0238095238095237 | exact
Rust | std.parseJson("-1.0238095238095237") | not exact
Rust | greater than itself | True
Rust | over 5 % wrong
TEXT
diff "$folder/expected" "$folder/actual"
echo "as described"
