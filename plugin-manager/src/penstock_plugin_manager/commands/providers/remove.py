"""``remove``: take providers out."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_change_options, change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="+", metavar="ID", help="a provider")
    parser.add_argument("--prune", action="store_true", help="take out as well what nothing needs any more")
    add_change_options(parser, solves=False, installs=False)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Take providers out; what they alone needed stays unless --prune is given."""
    ids = [parse_provider_requirement(text).id for text in options.ids]
    title = f"remove {' '.join(ids)}{' --prune' if options.prune else ''}"

    def request() -> ChangeRequest:
        installed = {each.id for each in session.providers if each.distribution in session.distributions}
        known = installed | {requirement.id for requirement in session.intent.providers} | set(session.isolated)
        known |= set(session.intent.isolated_ids)
        for provider_id in ids:
            if provider_id not in known:
                raise MissingError(
                    f"Provider {provider_id!r} is not installed.", did_you_mean(provider_id, sorted(known))
                )
        return ChangeRequest(title, session.intent.without(ids), dropped=tuple(ids), prune=options.prune)

    return change(request, title, change_options(options), session)
