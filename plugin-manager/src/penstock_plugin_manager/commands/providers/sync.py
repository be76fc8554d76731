"""``sync``: make the environment what the intent and the lock say."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import SOLVING, Parser, add_change_options, change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.output import Result


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--frozen", action="store_true", help="use the lock as it is; fail where it does not fit the intent"
    )
    add_change_options(parser)
    parser.only(SOLVING, lambda options: not options.frozen, "without --frozen")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Make the environment what the intent and the lock say; what providers no longer need goes."""
    title = f"sync{' --frozen' if options.frozen else ''}"
    return change(
        lambda: ChangeRequest(title, session.intent, prune=True, frozen=options.frozen),
        title,
        change_options(options),
        session,
    )
