"""What uv and pip say of a failure, read: its kind, and the distributions that are named."""

from __future__ import annotations

import re
from typing import NamedTuple

from penstock_plugin_manager.errors import DiskError, IncompatibleError, ManagerError, MissingError, UnverifiedError
from penstock_plugin_manager.model.names import normalize

_LINES, _LETTERS = 60, 400
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS = r"(?:\[[^\]]*\])?"
_SPEC = r"(?:(?:===|[<>=!~]=|[<>])[^\s,;)`]+(?:,\s*(?:[<>=!~]=|[<>])[^\s,;)`]+)*)?"
_TRACEBACK = re.compile(r"^(?:ERROR: Exception:\n)?Traceback \(most recent call last\):\n(?:[ \t].*\n)*", re.MULTILINE)


_NAMED = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf"`(?P<name>{_NAME})==(?P<version>[^`\s]+)`",  # uv: Failed to build `x==1`
        rf"`(?P<name>{_NAME})` \(v(?P<version>[^)]+)\)",  # uv: The structure of `x` (v1) was invalid
        rf"(?P<name>{_NAME})==(?P<version>\S+) has an invalid",  # uv, of a solution
        rf"For req: (?P<name>{_NAME})==(?P<version>\S+?)\. ",  # pip, of an installation
        r"(?P<name>[A-Za-z0-9._]+)-(?P<version>[A-Za-z0-9.!+_]+)(?:-\d\w*)?(?:-[\w.]+){3}\.whl",
        r"(?P<name>[A-Za-z0-9._-]+)-(?P<version>\d[A-Za-z0-9.!+_]*)\.(?:tar\.gz|zip)\b",
        rf"(?:Wheel|build|Package) '(?P<name>{_NAME})'",  # pip: Failed to build 'x'
        rf"ERROR: (?P<name>{_NAME})(?:'s Wheel-Version| has an invalid wheel)",
        rf"^\s*Collecting (?P<name>{_NAME})",  # pip's log, of the distribution that it was at
    )
]


_HINTS = {
    "": "Check the name and the index, or name a folder of wheels: --find-links FOLDER.",
    "No": "Ask for another range.",
    "Every": "Ask its author for another version. A yanked one is taken only where it is asked for by its number: ID==VERSION.",
}


class ToolError(ManagerError):
    """A failure whose cause a tool tells in words of its own; a look at what it names tells more."""


class UnreachableError(ManagerError):
    """A source that does not answer a tool as it should."""


class MessageRequirement(NamedTuple):
    """What one distribution needs of another; without a parent, what was asked for itself."""

    parent: str
    child: str
    specifier: str


class AbsentError(MissingError):
    """A distribution of which no source has a version that was asked for.

    Attributes:
        name: The distribution.
        specifier: The versions that were asked for; "" for any.
        why: What is known of the reason; "" where no source has the distribution at all.
    """

    def __init__(self, need: MessageRequirement, why: str, detail: str) -> None:
        message = why or f"{need.child or 'A distribution'} was not found in any source."
        message += f" {need.parent} needs it." if need.parent else ""
        super().__init__(message, _HINTS[why.partition(" ")[0]], detail)
        self.name, self.specifier, self.why = need.child, need.specifier, why


class UnmetError(IncompatibleError):
    """A requirement that nothing can meet here, whatever else is asked for."""


_TABLE: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"hash mismatch|do not match the hash|THESE PACKAGES DO NOT MATCH", re.IGNORECASE), "hash"),
    (re.compile(r"no space left|disk full|quota exceeded|os error 28", re.IGNORECASE), "full"),
    (re.compile(r"read-only file system|permission denied|os error (?:13|30)\b", re.IGNORECASE), "denied"),
    (re.compile(r"network connectivity is disabled|network was disabled|--offline", re.IGNORECASE), "offline"),
    (re.compile(r"Failed to (?:download and )?build |build backend|subprocess-exited-with-error"), "build"),
    (
        re.compile(
            r"was not found in the (?:package registry|provided package locations|cache)|there are no versions of"
            r"|No matching distribution found|not found in the provided"
        ),
        "missing",
    ),
    (re.compile(r"invalid package format|The structure of `"), "damaged"),
    (
        re.compile(r"No solution found|ResolutionImpossible|conflicting dependencies|requires a different Python", re.IGNORECASE),
        "conflict",
    ),
    (
        re.compile(
            r"failed to fetch|error sending request|dns error|connection (?:refused|reset|error|broken)|could not connect|tcp connect"
            r"|max retries|newconnectionerror|timed? ?out|name resolution|temporary failure|network is unreachable"
            r"|status code \(|HTTP error|50\d (?:server|internal|bad)|JSONDecodeError|unexpected JSON|resume-retries",
            re.IGNORECASE,
        ),
        "network",
    ),
]  # fmt: skip


def explain(what: str, message: str, code: int) -> ManagerError:
    """Return the error that a tool's words mean.

    Args:
        what: What was being done, as a noun: ``resolution``.
        message: The tool's output.
        code: Its exit code.
    """
    message = readable(_TRACEBACK.sub("", message)) or f"exit code {code}"
    kinds = [kind for pattern, kind in _TABLE if pattern.search(message)]
    kind = kinds[0] if kinds else ""
    if kind == "missing" and "conflict" in kinds and not names_missing(message):
        kind = "conflict"
    if kind == "missing":
        return _absent(message)
    return _of_kind(kind, what, message)


def _of_kind(kind: str, what: str, message: str) -> ManagerError:
    if kind == "hash":
        of = next((f" of {name} {version}".rstrip() for name, version in distributions_named(message)), "")
        return UnverifiedError(
            f"A downloaded file{of} is not the one in the lock: its hash differs.",
            "Do not install it. Ask who changed the file on the index; plugin-manager lock makes a new lock.",
            message,
        )
    if kind == "full":
        return DiskError(
            f"The {what} stopped: the disk is full.", "Free some space and try again; nothing was changed.", message
        )
    if kind == "denied":
        return DiskError(
            f"The {what} stopped: a folder may not be written to.", "Check who owns the environment.", message
        )
    if kind == "offline":
        return ManagerError(
            f"The {what} needs the network, and --offline forbids it.", "Try without --offline.", message
        )
    if kind == "conflict":
        return IncompatibleError("The requirements cannot be met together.", "", message)
    if kind == "network":
        return UnreachableError(
            f"The {what} failed: the index does not answer properly.", "Check the network and the index URL.", message
        )
    return ToolError(f"The {what} failed{_at(message, kind)}.", _what_to_do(kind), message)


def _at(message: str, kind: str) -> str:
    names = distributions_named(message)
    if not names:
        return ""
    name, version = names[0]
    why = f"{name} {version}".strip()
    return f": {why} comes as a source distribution, and building it failed" if kind == "build" else f" at {why}"


def _what_to_do(kind: str) -> str:
    if kind == "build":
        return "Ask for a version that has a wheel, or build one yourself and name its folder: --find-links."
    return "Ask for another version of what is named there, and tell its author."


def _absent(message: str) -> ManagerError:
    needs = needs_of(message)
    name = next(iter(names_missing(message)), "")
    need = next((each for each in needs if each.child == name), MessageRequirement("", name, ""))
    return AbsentError(need, "", message)


def readable(message: str) -> str:
    """Return a tool's words without what could change a terminal, and not longer than anybody reads."""
    lines = ["".join(each for each in line if each.isprintable()).rstrip() for line in message.strip().splitlines()]
    return "\n".join(line if len(line) <= _LETTERS else f"{line[: _LETTERS - 1]}…" for line in lines[:_LINES])


def names_missing(message: str) -> list[str]:
    """Return the distributions that a tool says it has not found."""
    flat = " ".join(message.split())
    found = re.findall(rf"({_NAME}){_EXTRAS} was not found in the", flat)
    found += re.findall(rf"No matching distribution found for ({_NAME})", flat)
    found += re.findall(rf"there (?:are no versions|is no version) of ({_NAME})", flat)
    return sorted({normalize(each) for each in found})


def needs_of(message: str) -> list[MessageRequirement]:
    """Return who needs what, as a tool tells it; what was asked for itself has no parent."""
    flat = " ".join(message.split())
    found = re.findall(rf"({_NAME}){_EXTRAS}(?:==\S+| \d\S*)? depends? on ({_NAME}){_EXTRAS}({_SPEC})", flat)
    found += [("", name, spec) for name, spec in re.findall(rf"you require ({_NAME}){_EXTRAS}({_SPEC})", flat)]
    for name, spec, parent in re.findall(
        rf"satisfies the requirement ({_NAME}){_EXTRAS}({_SPEC})(?: \(from (?!versions:)({_NAME}|-r))?", flat
    ):
        found.append(("" if parent == "-r" else parent, name, spec))
    pairs = (
        MessageRequirement(
            normalize(parent) if parent else "", normalize(child), spec.rstrip(".")
        )  # the sentence ends there
        for parent, child, spec in found
    )
    return list(dict.fromkeys(pairs))


def clash_in(message: str) -> list[MessageRequirement]:
    """Return the needs of one distribution that a tool names as the ones in each other's way; none where it names no two."""
    needs = [each for each in needs_of(message) if each.specifier]
    for child in dict.fromkeys(each.child for each in needs):
        own = [each for each in needs if each.child == child]
        if len({each.specifier for each in own}) > 1 and len({each.parent for each in own}) > 1:
            return own
    return []


def names_yanked(message: str) -> list[str]:
    """Return the distributions of which a tool says that versions are yanked."""
    found = re.findall(rf"({_NAME}){_EXTRAS}(?:(?:==|[<>]=?)\S+)? (?:was|were) yanked", " ".join(message.split()))
    return sorted({normalize(each) for each in found})


def pythons_needed(message: str) -> list[tuple[str, str]]:
    """Return the Pythons that distributions need, by their names, where a tool says that these are in the way."""
    flat = " ".join(message.split())
    found = re.findall(rf"({_NAME})(?:==\S+)? requires Python ({_SPEC})", flat)
    found += re.findall(rf"Package '({_NAME})' requires a different Python: \S+ not in '([^']*)'", flat)
    return [(normalize(name), specifier) for name, specifier in found if specifier]


def distributions_named(message: str) -> list[tuple[str, str]]:
    """Return name and version of the distributions that a tool names beside a failure; "" for an unknown version."""
    found = [each.groupdict() for pattern in _NAMED for each in pattern.finditer(message)]
    return list(dict.fromkeys((normalize(each["name"]), each.get("version") or "") for each in found))


def address_needed(message: str) -> tuple[str, str, str] | None:
    """Return who needs what by which address; None where nothing is needed by an address."""
    flat = " ".join(message.split())
    parent = re.search(rf"resolve dependencies for package `({_NAME})(?:==[^`]*)?`", flat)
    wanted = re.search(rf"Consider adding `({_NAME}){_EXTRAS} @ ([^`]+)`", flat)
    if parent and wanted:
        return normalize(parent[1]), normalize(wanted[1]), wanted[2]
    found = re.search(rf"Collecting ({_NAME}){_EXTRAS} ?@ (\S+) \(from ({_NAME})", flat)
    return (normalize(found[3]), normalize(found[1]), found[2]) if found else None
