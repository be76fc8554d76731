"""Parsing a command's words, and the options that several commands share; a wrong call ends in one sentence and exit code 1."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO, NoReturn

from penstock_plugin_manager.change.request import ChangeOptions, Limits
from penstock_plugin_manager.change.session import SessionOptions
from penstock_plugin_manager.errors import MissingError, UsageError


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of leaving the process, and that refuses an option which would have no effect."""

    def __init__(self, prog: str, description: str = "", add_help: bool = True) -> None:  # noqa: FBT001,FBT002  argparse's own signature
        super().__init__(prog=prog, description=description, add_help=add_help, allow_abbrev=False)
        self._conditions: list[tuple[tuple[str, ...], Callable[[argparse.Namespace], object], str]] = []

    def only(self, names: Iterable[str], when: Callable[[argparse.Namespace], object], words: str) -> None:
        """Let some options count in some calls only; elsewhere they are refused, as nothing would honour them.

        Args:
            names: The destinations of the options.
            when: Tells whether a call honours them.
            words: Where they count, for the message: ``with --fix``.
        """
        self._conditions.append((tuple(names), when, words))

    def _print_message(self, message: str, file: IO[str] | None = None) -> None:  # type: ignore[override]  # it takes any writer
        # argparse keeps it to itself if its help cannot be written.
        stream = file or sys.stderr
        stream.write(message)
        stream.flush()

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse a call and refuse an option that it cannot honour.

        Raises:
            UsageError: the call means nothing, or an option has no effect in it.
        """
        found = self.parse_args(words)
        for names, when, where in self._conditions:
            for action in self._actions:
                given = getattr(found, action.dest, action.default)
                if action.dest in names and given not in (action.default, []) and not when(found):
                    flag = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
                    self.error(f"{flag} has no effect here: it counts {where} alone")
        return found

    def error(self, message: str) -> NoReturn:
        """Refuse a call.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", f"See {self.prog} --help.")


def whole(text: str) -> int:
    """Read a whole number of at least 0.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 0")
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds of at least 0.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds of at least 0")
    return found


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
        "--wait", metavar="SECONDS", type=seconds, default=60.0, help="how long to wait for another manager"
    )


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where distributions come from."""
    group = parser.add_argument_group("sources")
    group.add_argument("--index-url", metavar="URL", help="package index to use instead of the configured one")
    group.add_argument("--extra-index-url", metavar="URL", action="append", help="another index besides")
    group.add_argument("--find-links", metavar="PLACE", action="append", help="folder or page of wheels to use besides")
    group.add_argument("--no-index", action="store_true", help="use --find-links alone")
    group.add_argument("--catalog", metavar="PLACE", action="append", help="another catalog, before the project's")


SOURCES = ("index_url", "extra_index_url", "find_links", "no_index", "catalog")
BUDGET = ("max_mb", "max_dists")
ACCEPTED = ("allow_suspended", "allow_broken")
SOLVING = ("allow_core_change", "pre")


def add_dry_run_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of every command that changes an environment, the intent or the lock."""
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would change and change nothing; exit code 2 if anything"
    )


def add_change_options(parser: argparse.ArgumentParser, *, solves: bool = True, installs: bool = True) -> None:
    """Add the options of every command that changes an environment.

    Args:
        parser: The command's parser.
        solves: Whether it may choose versions anew.
        installs: Whether it may bring providers.
    """
    add_dry_run_option(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_limit_options(parser, solves=solves, installs=installs)


def add_limit_options(
    parser: argparse.ArgumentParser, *, solves: bool = True, core: bool = True, installs: bool = True
) -> None:
    """Add the options that say what a plan may do, and where it may look.

    Args:
        parser: The command's parser.
        solves: Whether the command may choose versions anew.
        core: Whether the core may be among them.
        installs: Whether it may bring providers.
    """
    group = parser.add_argument_group("change")
    if solves and core:
        group.add_argument("--allow-core-change", action="store_true", help="let the core move to another version")
    if installs:
        group.add_argument("--allow-suspended", action="store_true", help="install a provider that is suspended")
        group.add_argument(
            "--allow-broken", action="store_true", help="install a provider whose manifest is not valid here"
        )
    group.add_argument("--max-mb", metavar="N", type=whole, help="refuse to fetch more than this")
    group.add_argument("--max-dists", metavar="N", type=whole, help="refuse to add more distributions than this")
    if solves:
        group.add_argument("--pre", action="store_true", help="consider pre-releases")
    add_source_options(parser)


def session_options(options: argparse.Namespace) -> SessionOptions:
    """Return where a call works, from its parsed words; a command without an option for it leaves the default.

    Raises:
        MissingError: the project's folder does not exist.
    """
    words = vars(options)
    if options.project and not os.path.isdir(options.project):  # noqa: PTH112  pathlib costs what a kept `list` may take
        raise MissingError(f"There is no folder {options.project}.", "Name the folder of penstock.toml with --project.")
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
    words = vars(options)
    limits = Limits(
        core_change=bool(words.get("allow_core_change")),
        suspended=bool(words.get("allow_suspended")),
        broken=bool(words.get("allow_broken")),
        prereleases=bool(words.get("pre")),
        max_mb=options.max_mb,
        max_dists=options.max_dists,
    )
    return ChangeOptions(limits, bool(words.get("dry_run")), bool(words.get("yes")))
