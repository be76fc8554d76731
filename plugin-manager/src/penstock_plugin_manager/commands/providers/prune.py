"""``prune``: take out what no provider needs any more."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_change_options, change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_change_options(parser, solves=False, installs=False)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Take out what came along with providers and is needed by none any more; what was installed by hand stays."""
    return change(lambda: ChangeRequest("prune", session.intent, prune=True), "prune", change_options(options), session)
