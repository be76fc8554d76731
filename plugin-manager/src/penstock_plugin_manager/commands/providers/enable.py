"""``enable``: let a disabled provider take part again."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_dry_run_option
from penstock_plugin_manager.change.policy import check_ids
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.commands.providers.disable import set_disabled
from penstock_plugin_manager.errors import MissingError
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="+", metavar="ID", help="a provider")
    add_dry_run_option(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Let disabled providers take part again.

    Raises:
        MissingError: a provider is not disabled.
    """
    ids = {parse_provider_requirement(text).id for text in options.ids}
    disabled = set(session.intent.disabled)
    for provider_id in sorted(ids - disabled):
        raise MissingError(f"Provider {provider_id!r} is not disabled.")
    check_ids(ids, session)
    return set_disabled(session, disabled - ids, f"enable {' '.join(sorted(ids))}", options.dry_run)
