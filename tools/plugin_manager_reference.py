"""Writes docs/reference/plugin-manager.md from the commands themselves; ``--check`` only compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from penstock_plugin_manager.errors import EXIT_CODES
from penstock_plugin_manager.registry import COMMANDS, command_parser

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "plugin-manager.md"
HEAD = """# plugin-manager

Written by `python tools/plugin_manager_reference.py` from the commands themselves; do not edit.

## Exit codes

| code | meaning |
|---|---|
{codes}

An error changes nothing and is one sentence, with a hint where there is something to do.

## Options of every command

`--json` (one document, `schema` = `penstock.plugin-manager/1`, with `command`, `exit_code` and `data` or `error`),
`-q/--quiet`, `--offline`,
`--env DIR` or `--python PATH` (the environment; by default `PENSTOCK_ENV`, the active one, the project's `.venv`, the manager's own),
`--project DIR` (by default the nearest folder upwards with a `penstock.toml`, the folder around an environment that is named or holds this
one, this one),
`--resolver uv|pip|auto`, `--wait SECONDS` (how long to wait for another manager).

Environment variables: `PENSTOCK_ENV` (the environment), `PENSTOCK_UV` (uv's program), `PENSTOCK_CACHE` (the manager's cache), `NO_COLOR`.
"""
COMMON = {"help", "json", "quiet", "offline", "env", "python", "project", "resolver", "wait"}


def reference() -> str:
    """Return the page."""
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    parts = [HEAD.replace("{codes}", codes)]
    for name in COMMANDS:
        parser, _ = command_parser(name)
        lines = [f"## {name}", "", " ".join((parser.description or "").split()), ""]
        rows = []
        for action in parser._actions:  # noqa: SLF001  argparse offers no public way to its options
            if action.dest in COMMON:
                continue
            values = f" {'/'.join(action.choices)}" if action.choices else ""
            metavar = action.metavar if isinstance(action.metavar, str) else ""
            words = ", ".join(action.option_strings) or metavar or action.dest
            taken = f" {metavar}" if action.option_strings and metavar else ""
            rows.append(f"| `{words}{taken}{values}` | {action.help or ''} |")
        if rows:
            lines += ["| word | meaning |", "|---|---|", *rows, ""]
        parts.append("\n".join(lines))
    return "\n".join(parts).rstrip("\n") + "\n"


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit code 1 where the page is not current"
    )
    options = parser.parse_args()
    text = reference()
    if options.check:
        return 0 if TARGET.read_text(encoding="utf-8") == text else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
