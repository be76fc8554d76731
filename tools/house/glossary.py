"""The words of the project: one table of terms, the plain English that names may use besides, and the words that they replace.

`docs/reference/glossary.md` is made from the terms; tests/contracts/test_glossary.py holds names to all three tables.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath

from house.terms import TERMS, Term
from house.tree import parse

PLAIN = frozenset(Path(__file__).with_name("plain_words.txt").read_text().split())
"""Plain English, tools and formats: words that names may use besides those of the terms. A word a line, in order."""

REPLACED = {
    "accuse": "report",
    "bell": "wakeup",
    "bless": "accept",
    "book": "state",
    "bury": "finish",
    "buried": "finished",
    "carry": "execute",
    "coach": "advice",
    "courier": "delivery",
    "cuts": "branching",
    "fold": "collapse",
    "folded": "collapsed",
    "hear": "receive",
    "heard": "received, or last_heartbeat",
    "heir": "successor",
    "hungry": "idle",
    "lane": "executor",
    "obey": "apply",
    "outlook": "explain",
    "people": "requests, or users",
    "places": "paths, locations or slots",
    "poison": "rejected",
    "quick": "cache",
    "said": "message",
    "say": "log",
    "says": "message",
    "shelf": "writer",
    "spare": "prefork",
    "tell": "log, report or print",
    "tells": "reports",
    "told": "message, or declared",
    "unfold": "expand",
    "upkeep": "retention",
    "wish": "requirement",
    "wishes": "requirements",
    "workshop": "session",
    "world": "ports",
}
"""Words of an earlier dialect, and what to write instead."""

_WORD = re.compile(r"[A-Z]+[0-9]+|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")

SERVING_ROOMS = frozenset({"app", "cli", "commands", "service", "settings", "store", "testing"})
"""Rooms whose modules have the names of the rooms and things that they serve, such as ``cli.pools`` and ``service.config.pools``."""


def words(name: str) -> list[str]:
    """Split a name into its words, in lower case."""
    return [word.lower() for word in _WORD.findall(name.replace("XCom", "Xcom").replace("TaskFlow", "Taskflow"))]


def names(sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names of modules, folders and classes below the packages, each with the place where it stands.

    Args:
        sources: Text of each source file by its path.
    """
    for path, text in sources.items():
        for part in _inside(path):
            yield path, part
        for node in ast.walk(parse(text)):
            if isinstance(node, ast.ClassDef):
                yield f"{path}:{node.lineno}", node.name


def unknown_words(sources: Mapping[str, str], terms: Collection[Term], plain: Collection[str]) -> Iterator[str]:
    """Words of names that are neither a term's nor plain English."""
    known = _known(terms) | set(plain)
    for place, name in names(sources):
        for word in words(name):
            if word not in known:
                yield f"{place}: {name} has the word {word!r}, which is no term of the glossary. Use a term, or add one."


def unused_plain(sources: Mapping[str, str], terms: Collection[Term], plain: Collection[str]) -> Iterator[str]:
    """Plain words that no name uses, or that are a term's."""
    used = {word for _, name in names(sources) for word in words(name)}
    for word in sorted(plain):
        if word not in used:
            yield f"no module and no class has the plain word {word!r} in its name. Remove it from the list."
        elif word in _known(terms):
            yield f"{word!r} is a word of a term. Remove it from the plain ones."


def replaced_words(name: str, text: str, replaced: Mapping[str, str]) -> Iterator[str]:
    """Words of the earlier dialect in what a file names: modules, classes, functions, parameters, variables, attributes.

    Args:
        name: Path of the file.
        text: Its content.
        replaced: What to write, by the word that is found.
    """
    found = dict.fromkeys(_inside(name), 1)
    for node in ast.walk(parse(text)):
        identifier = _defined(node)
        if identifier:
            found.setdefault(identifier, getattr(node, "lineno", 1))
    for identifier, line in found.items():
        for word in words(identifier):
            if word in replaced:
                yield f"{name}:{line} {identifier}: write {replaced[word]} in place of {word!r}."


def double_classes(sources: Mapping[str, str], allowed: Collection[str]) -> Iterator[str]:
    """Public classes of one distribution that share a name."""
    paths: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, text in sources.items():
        for node in parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in allowed:
                paths[_distribution(path), node.name].append(path)
    for (_, name), own in sorted(paths.items()):
        if len(own) > 1:
            yield f"{' and '.join(own)} both have a class {name}. Name each for what it is."


def double_modules(sources: Mapping[str, str], allowed: Collection[str]) -> Iterator[str]:
    """Modules of one distribution that share a name, but for those that serve other rooms."""
    paths: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sources:
        parts = _inside(path)
        if (
            parts
            and not parts[-1].startswith("__")
            and parts[-1] not in allowed
            and not SERVING_ROOMS & set(parts[:-1])
        ):
            paths[_distribution(path), parts[-1]].append(path)
    for (_, name), own in sorted(paths.items()):
        if len(own) > 1:
            yield f"{' and '.join(own)} are both called {name}. Name each for its subject."


def missing_places(sources: Collection[str], terms: Collection[Term]) -> Iterator[str]:
    """Terms whose place is no package and no module."""
    known = {
        path.partition("src/")[2].removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in sources
    }
    for term in terms:
        if term.place not in known:
            yield f"the term {term.name!r} stands in {term.place}, which does not exist."


def page(note: str) -> str:
    """The page of the glossary."""
    lines = ["# Glossary\n", note, "One word means one thing, in the code as in these pages.\n"]
    lines += ["| term | meaning | where |", "|---|---|---|"]
    lines += [f"| {term.name} | {term.meaning} | `{term.place}` |" for term in TERMS]
    return "\n".join(lines) + "\n"


def _known(terms: Collection[Term]) -> set[str]:
    """The words of terms, in the singular and the plural."""
    singular = {word for term in terms for word in words(term.name)}
    return singular | {f"{word}s" for word in singular} | {f"{word[:-1]}ies" for word in singular if word.endswith("y")}


def _inside(path: str) -> tuple[str, ...]:
    """The parts of a path below its package, without the ending."""
    below = path.partition("src/")[2] or path
    return PurePath(below).with_suffix("").parts[1:]


def _distribution(path: str) -> str:
    return path.partition("src/")[2].partition("/")[0]


def _defined(node: ast.AST) -> str:
    """The name that a node defines; "" if it defines none."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.attr
    return ""
