"""Options that several commands share."""

from __future__ import annotations

import argparse


def source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where distributions come from."""
    group = parser.add_argument_group("sources")
    group.add_argument("--index-url", metavar="URL", help="package index to use instead of the configured one")
    group.add_argument("--extra-index-url", metavar="URL", action="append", help="another index besides")
    group.add_argument("--find-links", metavar="PLACE", action="append", help="folder or page of wheels to use besides")
    group.add_argument("--no-index", action="store_true", help="use --find-links alone")
    group.add_argument("--catalog", metavar="PLACE", action="append", help="another catalog, before the project's")


def change_options(parser: argparse.ArgumentParser) -> None:
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
    source_options(parser)
