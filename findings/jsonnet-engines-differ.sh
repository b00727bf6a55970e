#!/usr/bin/env bash
# jsonnet 0.22.0 (the C++ engine) and rjsonnet 0.5.6 (jrsonnet, in Rust): the same valid program gives different text.
#
# Numbers in text have 17 digits in one engine and the shortest exact form in the other; "%.2f" of 2.675, a double below
# 2.675, is rounded up by the C++ engine (C's printf gives 2.67); std.parseYaml reads 010 as text in one and as the octal
# number 8 in the other. Nothing fails, so the output of a program depends on the engine.
#
# Seen: expression              C++                        Rust
#       "%s" % 0.1              "0.10000000000000001"      "0.1"
#       "%.2f" % 2.675          "2.68"                     "2.67"
#       std.parseYaml("010")    "010"                      8
# Consequence here: tests compare the bytes that both engines give (test_both_engines_give_the_same_bytes).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jsonnet==0.22.0 rjsonnet==0.5.6
cat >"$folder/compare.py" <<'PYTHON'
import _jsonnet
import rjsonnet

for program in ('"%s" % 0.1', '"%.2f" % 2.675', 'std.parseYaml("010")'):
    values = [engine.evaluate_snippet("program", program).strip() for engine in (_jsonnet, rjsonnet)]
    print(program, *values, sep=" | ")
PYTHON
"$folder/venv/bin/python" "$folder/compare.py" >"$folder/actual"
cat >"$folder/expected" <<'TEXT'
"%s" % 0.1 | "0.10000000000000001" | "0.1"
"%.2f" % 2.675 | "2.68" | "2.67"
std.parseYaml("010") | "010" | 8
TEXT
diff "$folder/expected" "$folder/actual"
echo "as described"
