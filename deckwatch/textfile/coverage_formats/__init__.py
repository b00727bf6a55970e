"""Formats of coverage reports: each module is one, found by listing this folder.

`NAME` is its name, `is_format(head)` says whether a file that begins so has it, and `read_report(path, coverage)` adds
the file's lines; it raises InvalidInput.
"""
