"""``disable``: keep a provider from taking part without removing it."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.apply.files import write_files
from penstock_plugin_manager.change.execute_plan import intent_text
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="+", metavar="ID", help="a provider")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Keep providers from taking part without removing them: the core passes over those that the intent calls disabled.

    Raises:
        MissingError: a provider is not installed.
    """
    ids = {parse_provider_requirement(text).id for text in options.ids}
    known = {each.id for each in session.providers}
    for provider_id in sorted(ids - known):
        raise MissingError(f"Provider {provider_id!r} is not installed.", did_you_mean(provider_id, sorted(known)))
    return set_disabled(session, {*session.intent.disabled, *ids}, f"Disabled: {', '.join(sorted(ids))}.")


def set_disabled(session: Session, ids: set[str], message: str) -> Result:
    """Write which providers are disabled."""
    intent = session.intent._replace(disabled=tuple(sorted(ids)))
    write_files({str(session.intent_path): intent_text(session.intent_text, intent, session)})
    return Result({"disabled": sorted(ids)}, [message])
