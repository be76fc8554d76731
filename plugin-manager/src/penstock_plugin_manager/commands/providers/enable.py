"""``enable``: let a disabled provider take part again."""

from __future__ import annotations

import argparse
import os

from penstock_plugin_manager.arguments import add_dry_run_option
from penstock_plugin_manager.change.policy import check_ids
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.commands.providers.disable import set_disabled
from penstock_plugin_manager.errors import MissingError
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.output import Result

_VARIABLES = ("PENSTOCK_DISABLED_PROVIDERS", "PENSTOCK_SAFE_MODE")


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
        variables = [name for name in _VARIABLES if os.environ.get(name)]
        hint = f"{' and '.join(variables)} may disable it in this shell: unset that." if variables else ""
        raise MissingError(f"Provider {provider_id!r} is not disabled in {session.intent_path}.", hint)
    check_ids(ids, session)
    return set_disabled(session, disabled - ids, f"enable {' '.join(sorted(ids))}", options.dry_run)
