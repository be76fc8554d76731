"""Parsing a command's words, and the options that several commands share; a wrong call ends in one sentence and exit code 1."""

from __future__ import annotations

import argparse
from typing import NoReturn

from penstock_plugin_manager.change.request import ChangeOptions, Limits
from penstock_plugin_manager.change.session import SessionOptions
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


def add_common_options(parser: argparse.ArgumentParser) -> None:
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


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where distributions come from."""
    group = parser.add_argument_group("sources")
    group.add_argument("--index-url", metavar="URL", help="package index to use instead of the configured one")
    group.add_argument("--extra-index-url", metavar="URL", action="append", help="another index besides")
    group.add_argument("--find-links", metavar="PLACE", action="append", help="folder or page of wheels to use besides")
    group.add_argument("--no-index", action="store_true", help="use --find-links alone")
    group.add_argument("--catalog", metavar="PLACE", action="append", help="another catalog, before the project's")


def add_change_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that changes an environment."""
    group = parser.add_argument_group("change")
    group.add_argument(
        "--dry-run", action="store_true", help="show the plan and change nothing; exit code 2 if there is any"
    )
    group.add_argument("-y", "--yes", action="store_true", help="do not ask")
    group.add_argument("--allow-core-change", action="store_true", help="let the core move to another version")
    group.add_argument("--allow-suspended", action="store_true", help="install a provider that is suspended")
    group.add_argument(
        "--allow-broken", action="store_true", help="install a provider whose manifest is not valid here"
    )
    group.add_argument("--max-mb", metavar="N", type=int, help="refuse to fetch more than this")
    group.add_argument("--max-dists", metavar="N", type=int, help="refuse to add more distributions than this")
    group.add_argument("--pre", action="store_true", help="consider pre-releases")
    add_source_options(parser)


def session_options(options: argparse.Namespace) -> SessionOptions:
    """Return where a call works, from its parsed words; a command without an option for it leaves the default."""
    words = vars(options)
    return SessionOptions(
        env=options.env or "",
        python=options.python or "",
        project=options.project or "",
        resolver=options.resolver,
        wait=options.wait,
        offline=options.offline,
        index_url=words.get("index_url") or "",
        extra_index_urls=tuple(words.get("extra_index_url") or ()),
        find_links=tuple(words.get("find_links") or ()),
        no_index=bool(words.get("no_index")),
        catalogs=tuple(words.get("catalog") or ()),
    )


def change_options(options: argparse.Namespace) -> ChangeOptions:
    """Return how a command that changes an environment was called, from its parsed words."""
    limits = Limits(
        core_change=options.allow_core_change,
        suspended=options.allow_suspended,
        broken=options.allow_broken,
        prereleases=options.pre,
        max_mb=options.max_mb,
        max_dists=options.max_dists,
    )
    return ChangeOptions(limits, options.dry_run, options.yes)
