"""``init``: make an environment that can be rolled back."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from penstock_plugin_manager.apply.generations import adopt, first_generation
from penstock_plugin_manager.apply.guard import guard
from penstock_plugin_manager.arguments import Parser, add_dry_run_option
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import CHANGES, ManagerError
from penstock_plugin_manager.model.intent import FILE, LOCK_FILE, TABLE
from penstock_plugin_manager.model.toml import parse, read_text
from penstock_plugin_manager.model.toml_edits import set_keys
from penstock_plugin_manager.output import Result, next_command
from penstock_plugin_manager.resolve.choose import choose
from penstock_plugin_manager.resolve.process import Runner


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("--base", metavar="PATH", help="interpreter to make the environment from (default: this one)")
    parser.add_argument(
        "--adopt", action="store_true", help="turn the plain environment that exists into its first generation"
    )
    add_dry_run_option(parser)
    parser.only(("base",), lambda options: not options.adopt, "without --adopt")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Make an environment with generations, or turn a plain one into such, and begin the project's intent.

    Raises:
        ManagerError: there is an environment already.
    """
    if options.adopt:
        return _adopt(session, dry_run=options.dry_run)
    folder = Path(os.path.abspath(options.project or os.getcwd()))  # noqa: PTH100,PTH109  a link must not be followed
    root = Path(os.path.abspath(options.env or folder / ".venv"))  # noqa: PTH100  as above
    project = folder if options.project or not options.env else root.parent
    base = options.base or getattr(sys, "_base_executable", sys.executable)
    text = read_text(project / FILE)
    begun = (
        text
        if TABLE in parse(text, str(project / FILE))
        else set_keys(text, TABLE, {"providers": []}, str(project / FILE))
    )
    store = root.with_name(root.name + ".generations")
    resolver = choose(options.resolver, Runner(), session.client)
    if root.exists() or root.is_symlink():
        raise ManagerError(f"{root} exists already.", "Turn it into generations with: plugin-manager init --adopt")
    if options.dry_run:
        return Result({"environment": str(root)}, [f"{root} would be made.", "Nothing was changed."], CHANGES)
    with guard(store, "init", options.wait, session.console.note):
        made = first_generation(root, base, resolver, {str(project / FILE): begun})
    data = {"environment": made.root, "python": made.version, "intent": str(project / FILE)}
    return Result(data, [f"Made {made.root} with Python {made.version}.", next_command("install aws")])


def _adopt(session: Session, *, dry_run: bool) -> Result:
    environment = session.environment
    if environment.has_generations:
        raise ManagerError(f"{environment.root} has generations already.")
    if dry_run:
        message = [f"{environment.root} would be moved and become a pointer to it.", "Nothing was changed."]
        return Result({"environment": environment.root}, message, CHANGES)
    files: dict[str, str | None] = {}
    for name in (FILE, LOCK_FILE):
        path = session.project / name
        files[str(path)] = read_text(path) or None
    store = Path(environment.generations)
    with guard(store, "init --adopt", session.options.wait, session.console.note):
        made = adopt(environment, files)
    return Result(
        {"environment": made.root}, [f"{made.root} is now a pointer to its first generation.", next_command("history")]
    )
