"""``disable``: keep a provider from taking part without removing it."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_dry_run_option
from penstock_plugin_manager.change.execute_plan import intent_text
from penstock_plugin_manager.change.project import write_project
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="+", metavar="ID", help="a provider")
    add_dry_run_option(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Keep providers from taking part without removing them: the core passes over those that the intent calls disabled.

    Raises:
        MissingError: a provider is not installed.
    """
    ids = {parse_provider_requirement(text).id for text in options.ids}
    known = {each.id for each in session.every_provider}
    for provider_id in sorted(ids - known):
        raise MissingError(f"Provider {provider_id!r} is not installed.", did_you_mean(provider_id, sorted(known)))
    return set_disabled(session, {*session.intent.disabled, *ids}, f"disable {' '.join(sorted(ids))}", options.dry_run)


def set_disabled(session: Session, ids: set[str], title: str, dry_run: bool) -> Result:  # noqa: FBT001  as it was given
    """Write which providers are disabled.

    Args:
        session: The call.
        ids: All that shall be disabled.
        title: The command, for the history.
        dry_run: Whether nothing is written.
    """
    intent = session.intent._replace(disabled=tuple(sorted(ids)))
    files: dict[str, str | None] = {str(session.intent_path): intent_text(session.intent_text, intent, session)}
    code = write_project(files, title, session, dry_run=dry_run)
    message = f"Disabled: {', '.join(sorted(ids)) or 'none'}."
    return Result({"disabled": sorted(ids)}, [message, *(["Nothing was changed."] if dry_run else [])], code)
