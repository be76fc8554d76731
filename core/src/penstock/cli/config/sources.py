"""How commands show where connections and Variables come from."""

from collections.abc import Sequence

from penstock.cli.terminal import print_remark
from penstock.errors import ExitCode


def origin(source: str, *, shadowed: bool, withheld: str) -> str:
    """The source of a thing, and why it is not used, if it is not."""
    if shadowed:
        return f"{source} (unused)"
    return f"{source} (not given while {withheld} fails)" if withheld else source


def none_known(what: str, command: str, failures: Sequence[str]) -> str:
    """The sentence for an empty list: that there is none is known only if no source fails."""
    return f"no {what} is known, while a source fails" if failures else f"no {what} yet. Make one with: {command}"


def report_sources(failures: Sequence[str], silent: Sequence[str]) -> int:
    """Say which sources fail, and which cannot list what they have; returns the exit code of the command."""
    for failure in failures:
        print_remark(f"error: {failure}", title=True)
    for name in silent:
        print_remark(f"{name} cannot list what it has; ask for one by its name")
    return ExitCode.UNAVAILABLE if failures else ExitCode.DONE
