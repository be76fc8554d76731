"""``plan``: what a change would do."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import ACCEPTED, SOLVING, Parser, add_limit_options, change_options
from penstock_plugin_manager.change.execute_plan import plan_result
from penstock_plugin_manager.change.proposal import propose
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.output import Result
from penstock_plugin_manager.registry import command_parser

_VERBS = ("install", "upgrade", "remove", "prune", "sync")


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("verb", nargs="?", choices=_VERBS, help="the change; the whole intent when omitted")
    parser.add_argument("ids", nargs="*", metavar="ID", help="providers of the change")
    parser.add_argument("--prune", action="store_true", help="with remove: what nothing needs any more, too")
    parser.add_argument("--all", action="store_true", help="with upgrade: everything that may move")
    parser.add_argument("--frozen", action="store_true", help="with sync: the lock as it is")
    add_limit_options(parser)
    parser.only(
        ("ids",), lambda options: options.verb in {"install", "upgrade", "remove"}, "with install, upgrade, remove"
    )
    parser.only(("prune",), lambda options: options.verb == "remove", "with remove")
    parser.only(("all",), lambda options: options.verb == "upgrade", "with upgrade")
    parser.only(("frozen",), lambda options: options.verb == "sync", "with sync")
    parser.only(
        (*SOLVING, *ACCEPTED), lambda options: options.verb not in {"remove", "prune"}, "where providers may come"
    )
    parser.only(SOLVING, lambda options: not options.frozen, "without --frozen")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show each step of a change with its reason and sizes, and change nothing. Exit code 2 if there is any step."""
    if options.verb is None:
        request = ChangeRequest("plan", session.intent, prune=True)
        return plan_result(propose(request, change_options(options).limits, session), session)
    options.dry_run, options.from_bundle = True, None
    _, run_command = command_parser(options.verb)
    return run_command(options, session)
