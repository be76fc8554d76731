"""``install``: add providers."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import SOURCES, Parser, add_change_options, change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import UsageError
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.output import Result


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="a provider, such as aws, aws[s3] or 'aws>=1.2'")
    parser.add_argument("--from-bundle", metavar="FILE", help="take everything from a bundle; no network is touched")
    add_change_options(parser)
    parser.only(SOURCES, lambda options: not options.from_bundle, "without --from-bundle")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Add providers, and nothing that they do not need. The core never moves unasked.

    Raises:
        UsageError: no provider is named.
    """
    requirements = [parse_provider_requirement(text) for text in options.ids]
    if options.from_bundle:
        from penstock_plugin_manager.commands.lock.bundle import install_from_bundle  # noqa: PLC0415  the rare way

        return install_from_bundle(requirements, options, session)
    if not requirements:
        raise UsageError(
            "install needs at least one provider.", "Name one, or use plugin-manager sync for the whole intent."
        )
    title = f"install {' '.join(str(requirement) for requirement in requirements)}"
    return change(
        lambda: ChangeRequest(title, session.intent.with_requirements(requirements)),
        title,
        change_options(options),
        session,
    )
