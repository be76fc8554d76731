"""Parsing a command's words; a wrong call ends in one sentence and exit code 1."""

from __future__ import annotations

import argparse
from typing import NoReturn

from penstock_plugin_manager.errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of leaving the process."""

    def __init__(self, prog: str, description: str = "", add_help: bool = True) -> None:  # noqa: FBT001,FBT002  argparse's own signature
        super().__init__(prog=prog, description=description, add_help=add_help, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Refuse a call.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", f"See {self.prog} --help.")


def common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", help="print one JSON document with a versioned schema")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    group.add_argument("--offline", action="store_true", help="touch no network")
    group.add_argument(
        "--env", metavar="DIR", help="the environment to manage (default: the project's or the active one)"
    )
    group.add_argument("--python", metavar="PATH", help="the environment to manage, by its interpreter")
    group.add_argument("--project", metavar="DIR", help="folder of penstock.toml and pylock.toml")
    group.add_argument("--resolver", metavar="TOOL", default="auto", help="uv, pip or auto (default)")
    group.add_argument(
        "--wait", metavar="SECONDS", type=float, default=60.0, help="how long to wait for another manager"
    )
