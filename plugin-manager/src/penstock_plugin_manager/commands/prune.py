"""``prune``: take out what no provider needs any more."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.commands.arguments import change_options
from penstock_plugin_manager.commands.carry import change
from penstock_plugin_manager.commands.output import Result
from penstock_plugin_manager.commands.proposal import Ask
from penstock_plugin_manager.commands.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    change_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Take out what came along with providers and is needed by none any more; what was installed by hand stays."""
    return change(lambda: Ask("prune", session.intent, prune=True), "prune", options, session)
