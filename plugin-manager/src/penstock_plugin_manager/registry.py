"""The commands, by name: where each one lives and what it is for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from penstock_plugin_manager.arguments import Parser, add_common_options
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.output import Result


class Command(NamedTuple):
    """Where a command lives and what it is for.

    Attributes:
        group: The heading under which the overview shows it.
        module: Its module below ``commands``; it is imported when the command is called.
        doc: One sentence for the overview.
    """

    group: str
    module: str
    doc: str


COMMANDS: dict[str, Command] = {
    "list": Command("see", "providers.list", "Show the providers of the environment."),
    "info": Command("see", "providers.info", "Show what a provider can do."),
    "search": Command("see", "providers.search", "Find providers by text or by what they provide."),
    "which": Command("see", "providers.which", "Name the provider of a capability."),
    "tree": Command("see", "providers.tree", "Show what each provider drags along."),
    "why": Command("see", "providers.why", "Say which provider drags a distribution, through what."),
    "compat": Command("see", "providers.compat", "Show which versions of providers go with which cores."),
    "scan": Command("need", "providers.scan", "Read DAG files and name the providers that they need."),
    "init": Command("change", "environment.init", "Make an environment that can be rolled back."),
    "plan": Command("change", "providers.plan", "Show what a change, or the intent, would do."),
    "install": Command("change", "providers.install", "Add providers."),
    "upgrade": Command("change", "providers.upgrade", "Move providers to newer versions."),
    "remove": Command("change", "providers.remove", "Take providers out."),
    "prune": Command("change", "providers.prune", "Take out what no provider needs any more."),
    "sync": Command("change", "providers.sync", "Make the environment what the intent and the lock say."),
    "resolve": Command("change", "providers.resolve", "Print what providers would bring, as a graph."),
    "lock": Command("lock", "lock.lock", "Write or check the lock."),
    "export": Command("lock", "lock.export", "Write the lock in another tool's format."),
    "verify": Command("safety", "lock.verify", "Compare installed files with their records and the lock."),
    "audit": Command("safety", "lock.audit", "Look for yanked, archived, quarantined or too young releases."),
    "policy": Command("safety", "lock.policy", "Show or check what the project permits."),
    "history": Command("time", "environment.history", "Show the generations of the environment."),
    "diff": Command("time", "environment.diff", "Compare two generations."),
    "rollback": Command("time", "environment.rollback", "Return to an earlier generation."),
    "isolate": Command("conflict", "providers.isolate", "Give a provider an environment of its own."),
    "bundle": Command("offline", "lock.bundle", "Put wheels, lock and catalog into one file, or check such a file."),
    "catalog": Command("catalog", "catalog", "Build, show or refresh catalogs."),
    "doctor": Command("repair", "environment.doctor", "Find what is broken, and mend it."),
    "enable": Command("repair", "providers.enable", "Let a disabled provider take part again."),
    "disable": Command("repair", "providers.disable", "Keep a provider from taking part without removing it."),
    "validate": Command("author", "author.validate", "Check a provider as its author."),
    "test": Command("author", "author.test", "Run a provider's suites with each core, in clean environments."),
    "dev": Command("author", "author.dev", "Use a provider's folder in place of what is installed."),
    "new": Command("author", "author.new", "Begin a provider."),
    "completion": Command("shell", "completion", "Print a shell's completion script."),
}


def overview() -> list[str]:
    """Return the lines of the top-level help."""
    lines = ["plugin-manager: exactly the providers that your DAGs need, and back again safely.", ""]
    group = ""
    for name, command in COMMANDS.items():
        lines.append(f"{command.group if command.group != group else '':>9}  {name:<11} {command.doc}")
        group = command.group
    lines += ["", "plugin-manager COMMAND --help explains a command.", "Begin with: plugin-manager scan dags/"]
    return lines


def command_parser(name: str) -> tuple[Parser, Callable[[argparse.Namespace, Session], Result]]:
    """Return a command's parser and the function that carries it out."""
    module = import_module(f"penstock_plugin_manager.commands.{COMMANDS[name].module}")
    parser = Parser(prog=f"plugin-manager {name}", description=module.run.__doc__.partition("Raises:")[0].strip())
    module.configure(parser)
    add_common_options(parser)
    return parser, module.run
