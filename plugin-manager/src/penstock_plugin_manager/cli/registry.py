"""The commands, by name: where each one lives and what it is for."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command's place and purpose."""

    group: str
    module: str
    doc: str


COMMANDS: dict[str, Entry] = {
    "list": Entry("see", "list", "Show the providers of the environment."),
    "info": Entry("see", "info", "Show what a provider can do."),
    "search": Entry("see", "search", "Find providers by text or by what they provide."),
    "which": Entry("see", "which", "Name the provider of a capability."),
    "tree": Entry("see", "tree", "Show what each provider drags along."),
    "why": Entry("see", "why", "Say which provider drags a distribution, through what."),
    "scan": Entry("need", "scan", "Read DAG files and name the providers that they need."),
    "init": Entry("change", "init", "Make an environment that can be rolled back."),
    "plan": Entry("change", "plan", "Show what a change, or the intent, would do."),
    "install": Entry("change", "install", "Add providers."),
    "upgrade": Entry("change", "upgrade", "Move providers to newer versions."),
    "remove": Entry("change", "remove", "Take providers out."),
    "prune": Entry("change", "prune", "Take out what no provider needs any more."),
    "sync": Entry("change", "sync", "Make the environment what the intent and the lock say."),
    "resolve": Entry("change", "resolve", "Print what providers would bring, as a graph."),
    "lock": Entry("lock", "lock", "Write or check the lock."),
    "export": Entry("lock", "export", "Write the lock in another tool's format."),
    "verify": Entry("safety", "verify", "Compare installed files with their records and the lock."),
    "audit": Entry("safety", "audit", "Look for yanked, archived, quarantined or too young releases."),
    "policy": Entry("safety", "policy", "Show or check what the project permits."),
    "history": Entry("time", "history", "Show the generations of the environment."),
    "diff": Entry("time", "diff", "Compare two generations."),
    "rollback": Entry("time", "rollback", "Return to an earlier generation."),
    "isolate": Entry("conflict", "isolate", "Give a provider an environment of its own."),
    "bundle": Entry("offline", "bundle", "Put wheels, lock and catalog into one file, or check such a file."),
    "catalog": Entry("catalog", "catalog", "Build, show or refresh catalogs."),
    "doctor": Entry("repair", "doctor", "Find what is broken, and mend it."),
    "enable": Entry("repair", "enable", "Let a disabled provider take part again."),
    "disable": Entry("repair", "disable", "Keep a provider from taking part without removing it."),
    "validate": Entry("author", "validate", "Check a provider as its author."),
    "new": Entry("author", "new", "Begin a provider."),
    "completion": Entry("shell", "completion", "Print a shell's completion script."),
}


def overview() -> list[str]:
    """Return the lines of the top-level help."""
    lines = ["plugin-manager: exactly the providers that your DAGs need, and back again safely.", ""]
    group = ""
    for name, entry in COMMANDS.items():
        lines.append(f"{entry.group if entry.group != group else '':>9}  {name:<11} {entry.doc}")
        group = entry.group
    lines += ["", "plugin-manager COMMAND --help explains a command.", "Begin with: plugin-manager scan dags/"]
    return lines
