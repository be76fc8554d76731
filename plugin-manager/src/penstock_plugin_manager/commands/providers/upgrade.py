"""``upgrade``: move providers to newer versions."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_change_options, change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import CORE, parse_provider_requirement
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="a provider, or core; all providers when omitted")
    parser.add_argument("--all", action="store_true", help="let everything move that they need, too")
    parser.add_argument("--plan", dest="dry_run", action="store_true", help="as --dry-run")
    add_change_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Move providers to the newest versions that fit; what they need moves only as far as it must.

    A provider that is broken, suspended or blocked can be upgraded like any other. The core moves only when it is named. A plan that
    is only shown names each line of the DAG files that uses what changes.
    """
    requirements = [parse_provider_requirement(text) for text in options.ids]
    title = " ".join(
        ["upgrade", *(str(requirement) for requirement in requirements), *(["--all"] if options.all else [])]
    )

    def request() -> ChangeRequest:
        intent = session.intent
        named = [requirement for requirement in requirements if requirement.id != "core"]
        known = [*(requirement.id for requirement in intent.providers), *intent.isolated_ids]
        for requirement in named:
            if requirement.id not in known:
                raise MissingError(
                    f"Provider {requirement.id!r} is not part of this project.", did_you_mean(requirement.id, known)
                )
        moving = [requirement.id for requirement in named] or ([] if requirements else known)
        intent = intent.with_requirements(named)
        names = [session.distribution_of(each) for each in moving]
        names += [CORE] if len(named) < len(requirements) else []
        return ChangeRequest(title, intent, upgrade=("*",) if options.all else tuple(names))

    return change(request, title, change_options(options)._replace(impact=True), session)
