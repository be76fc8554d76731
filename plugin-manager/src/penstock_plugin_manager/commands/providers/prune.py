"""``prune``: take out what no provider needs any more."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.proposal import Ask
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    change_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Take out what came along with providers and is needed by none any more; what was installed by hand stays."""
    return change(lambda: Ask("prune", session.intent, prune=True), "prune", options, session)
