"""The errors the user meets, each with the exit code that a script can rely on."""

from __future__ import annotations

OK = 0
ERROR = 1
CHANGES = 2
MISSING = 3
UNUSED = 4
INCOMPATIBLE = 5
UNVERIFIED = 6

EXIT_CODES = {
    OK: "done, or nothing to do",
    ERROR: "an error; a wrong call is one, too",
    CHANGES: "the plan has changes (`plan`, `--dry-run`), or the lock is not as it would be made (`lock --check`)",
    MISSING: "something is missing: a provider, a capability, a file",
    UNUSED: "a provider is unused (`scan --check`, `list --unused`)",
    INCOMPATIBLE: "requirements that cannot be met together or here; a broken provider",
    UNVERIFIED: "not verified, or forbidden: a hash, a file, a publisher, the policy or a budget",
}
"""What each exit code means, for the reference page."""


class ManagerError(Exception):
    """A request that cannot be carried out; nothing was changed.

    Attributes:
        hint: What to do next, or an empty string.
        detail: The evidence behind the message, such as the resolver's own words.
    """

    code = ERROR
    kind = "error"

    def __init__(self, message: str, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


class UsageError(ManagerError):
    """A command line that means nothing."""

    kind = "usage"


class MissingError(ManagerError):
    """A provider, capability, file or tool that does not exist where it was looked for."""

    code = MISSING
    kind = "missing"


class IncompatibleError(ManagerError):
    """Requirements that cannot be met together, or not on this Python, core or platform."""

    code = INCOMPATIBLE
    kind = "incompatible"


class UnverifiedError(ManagerError):
    """Files, hashes or publishers that are not what the lock or the policy says."""

    code = UNVERIFIED
    kind = "unverified"


class DiskError(ManagerError):
    """A disk that is full, or a file or folder that may not be written to."""

    kind = "disk"


class LockedError(ManagerError):
    """Another manager is changing the same environment."""

    kind = "locked"


def nearest(word: str, known: list[str], limit: int = 3) -> list[str]:
    """Return the known names closest to a mistyped one, best first."""
    import difflib  # noqa: PLC0415  only a mistake pays for it

    return difflib.get_close_matches(word, sorted(set(known)), n=limit, cutoff=0.6)


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a sentence that offers the nearest names, or an empty string."""
    names = nearest(word, known)
    return f"Did you mean {' or '.join(names)}?" if names else ""


def as_sentence(text: object) -> str:
    """Return what was said as a sentence of a message: it ends with one mark, whether or not it came with one."""
    words = str(text).strip()
    return words if words.endswith((".", "?", "!")) else f"{words}."
