"""Running uv and pip, and turning what they say into errors that name the thing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from penstock_plugin_manager.errors import DiskError, IncompatibleError, ManagerError, MissingError, UnverifiedError


class Runner(NamedTuple):
    """How tools are run.

    Attributes:
        show: Whether the tool's progress goes to the terminal.
        held: File descriptors of locks; the tool inherits them, so that a lock outlives a killed manager.
        variables: Environment variables besides those of this process.
    """

    show: bool = False
    held: Callable[[], tuple[int, ...]] = tuple
    variables: Mapping[str, str] = {}

    def with_variables(self, variables: Mapping[str, str]) -> Runner:
        """Return a runner that sets more environment variables; an empty one is taken away."""
        return self._replace(variables={**self.variables, **variables})

    def run(self, command: list[str], what: str) -> str:
        """Run a tool to its end.

        Returns:
            Its standard output.

        Raises:
            ManagerError: it failed; the message is in the words of this manager.
        """
        variables = {**os.environ, **self.variables, "NO_COLOR": "" if self.show else "1"}
        try:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if self.show else subprocess.PIPE,
                pass_fds=self.held(),
                env={name: text for name, text in variables.items() if text},
            )
        except OSError as error:
            raise ManagerError(f"{command[0]} cannot be run: {error.strerror}.", "Install uv: pip install uv") from None
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            message = done.stderr.decode("utf-8", "replace") if done.stderr else output
            raise explain(what, message, done.returncode)
        return output


_NETWORK = re.compile(
    r"failed to fetch|error sending request|dns error|connection (?:refused|reset|error)|could not connect|tcp connect"
    r"|max retries|newconnectionerror|timed? ?out|name resolution|temporary failure|network is unreachable"
    r"|status code \(|HTTP error|50\d (?:server|internal|bad)|JSONDecodeError|unexpected JSON",
    re.IGNORECASE,
)
_TRACEBACK = re.compile(r"^(?:ERROR: Exception:\n)?Traceback \(most recent call last\):\n(?:[ \t].*\n)*", re.MULTILINE)
_DISTRIBUTION = r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?"
_TABLE: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"hash mismatch|do not match the hash|THESE PACKAGES DO NOT MATCH", re.IGNORECASE), "hash"),
    (re.compile(r"no space left|disk full|quota exceeded|os error 28", re.IGNORECASE), "full"),
    (re.compile(r"read-only file system|permission denied|os error (?:13|30)\b", re.IGNORECASE), "denied"),
    (re.compile(r"network connectivity is disabled|network was disabled|--offline", re.IGNORECASE), "offline"),
    (
        re.compile(
            r"was not found in the (?:package registry|provided package locations|cache)|there are no versions of"
            r"|No matching distribution found|not found in the provided"
        ),
        "missing",
    ),
    (re.compile(r"No solution found|ResolutionImpossible|conflicting dependencies", re.IGNORECASE), "conflict"),
    (_NETWORK, "network"),
]


def explain(what: str, message: str, code: int) -> ManagerError:
    """Return the error that a tool's words mean.

    Args:
        what: What was being done, as a noun: ``resolution``.
        message: The tool's output.
        code: Its exit code.
    """
    message = _TRACEBACK.sub("", message).strip()
    kinds = [kind for pattern, kind in _TABLE if pattern.search(message)]
    kind = kinds[0] if kinds else ""
    if kind == "missing" and "conflict" in kinds and not names_missing(message):
        kind = "conflict"
    if kind == "hash":
        return UnverifiedError(
            "A downloaded file is not the one in the lock: its hash differs.",
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
    if kind == "missing":
        names = names_missing(message)
        named = ", ".join(names) if names else "A distribution"
        return MissingError(f"{named} was not found in any source.", "Check the name and the index.", message)
    if kind == "offline":
        return ManagerError(
            f"The {what} needs the network, and --offline forbids it.", "Try without --offline.", message
        )
    if kind == "conflict":
        return IncompatibleError("The requirements cannot be met together.", "", message)
    if kind == "network":
        return ManagerError(
            f"The {what} failed: the index does not answer properly.", "Check the network and the index URL.", message
        )
    last = message.splitlines()[-1][:300] if message else f"exit code {code}"
    return ManagerError(f"The {what} failed: {last}", "", message)


def names_missing(message: str) -> list[str]:
    """Return the distributions that a tool says it has not found."""
    flat = " ".join(message.split())
    found = re.findall(rf"({_DISTRIBUTION}) was not found in the", flat)
    found += re.findall(rf"No matching distribution found for ({_DISTRIBUTION})", flat)
    found += re.findall(rf"there are no versions of ({_DISTRIBUTION})", flat)
    return sorted(set(found))


def interpreter() -> str:
    """Return the interpreter that this manager runs on."""
    return sys.executable
