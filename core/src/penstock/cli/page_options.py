"""The options of a list that is printed page by page, and the remark at its end."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from penstock.cli.names import PLAIN
from penstock.cli.terminal import print_remark

Command = TypeVar("Command", bound=Callable[..., Any])


def page_options(command: Command) -> Command:
    """The options ``--limit`` and ``--after``."""
    after = click.option(
        "--after", type=PLAIN, default=None, metavar="NEXT", help="The next page: what this page says at its end."
    )
    limit = click.option(
        "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Length of the page."
    )
    return limit(after(command))


def print_next(end: str) -> None:
    """Say how to see the next page, if there is one."""
    if end:
        print_remark(f"there are more: --after {end}")
