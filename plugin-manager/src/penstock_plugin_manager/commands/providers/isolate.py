"""``isolate``: a provider in an environment of its own."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import ACCEPTED, Parser, add_dry_run_option, add_limit_options, change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import ProviderRequirement, parse_provider_requirement
from penstock_plugin_manager.output import Result


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("id", metavar="ID", help="a provider")
    parser.add_argument("--undo", action="store_true", help="take its own environment away again")
    add_dry_run_option(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_limit_options(parser, core=False)
    parser.only(("pre", *ACCEPTED), lambda options: not options.undo, "without --undo")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Give a provider an environment of its own, where the core runs its tasks: for dependencies that conflict with others'.

    A provider that stands in the shared environment is taken out there, with what it alone needed.
    """
    requirement = parse_provider_requirement(options.id)
    title = f"isolate {requirement.id}{' --undo' if options.undo else ''}"

    def together() -> ChangeRequest:
        known = sorted({*session.isolated, *session.intent.isolated_ids})
        if requirement.id not in known:
            raise MissingError(f"Provider {requirement.id!r} is not isolated.", did_you_mean(requirement.id, known))
        return ChangeRequest(title, session.intent.without_isolated(requirement.id), dropped=(requirement.id,))

    def apart() -> ChangeRequest:
        known = session.intent.requirement(requirement.id) or requirement
        extras = tuple(sorted({*known.extras, *requirement.extras}))
        merged = ProviderRequirement(requirement.id, extras, requirement.specifier or known.specifier)
        shared = any(each.id == requirement.id for each in session.providers)
        intent = session.intent.with_isolated(merged)
        return ChangeRequest(title, intent, dropped=(requirement.id,) if shared else (), prune=True)

    return change(together if options.undo else apart, title, change_options(options), session)
