"""``policy``: what the project permits."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import SOURCES, Parser, add_source_options
from penstock_plugin_manager.change.policy import policy_findings
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import OK, UNVERIFIED, MissingError
from penstock_plugin_manager.output import Result


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "action",
        nargs="?",
        default="show",
        choices=("show", "check"),
        help="show the policy (default), or judge the lock by it",
    )
    add_source_options(parser)
    parser.only(SOURCES, lambda options: options.action == "check", "with check")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show what the project permits, or judge the whole lock by it. Exit code 6 if the lock holds anything forbidden.

    Raises:
        MissingError: there is no lock to check.
    """
    policy = session.intent.policy
    if options.action == "show":
        rules = {key: list(rule) if isinstance(rule, tuple) else rule for key, rule in policy._asdict().items() if rule}
        lines = [
            f"{key.replace('_', '-')}: {', '.join(rule) if isinstance(rule, list) else rule}"
            for key, rule in rules.items()
        ]
        return Result({"policy": rules}, lines or ["The project permits everything: [plugin-manager.policy] is empty."])
    if session.lock is None:
        raise MissingError(f"There is no lock {session.lock_path}.", "Make one with: plugin-manager lock")
    locks = [
        session.lock,
        *(session.read_lock(session.isolated_lock_path(each)) for each in session.intent.isolated_ids),
    ]
    packages = {package for lock in locks if lock for package in lock.packages}
    found = policy_findings(packages, session.intent, session)
    return Result({"violations": found}, found or ["The lock keeps to the policy."], UNVERIFIED if found else OK)
