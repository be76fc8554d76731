"""How commands show where connections and Variables come from."""

from collections.abc import Sequence

from penstock.cli.terminal import print_remark
from penstock.errors import ExitCode


def origin(source: str, *, shadowed: bool, withheld: str) -> str:
    """The source of a thing, and why it is not used, if it is not."""
    if shadowed:
        return f"{source} (unused)"
    return f"{source} (not given while {withheld} fails)" if withheld else source


def report_sources(failures: Sequence[str], silent: Sequence[str]) -> int:
    """Say which sources fail, and which cannot list what they have; returns the exit code of the command."""
    for failure in failures:
        print_remark(f"error: {failure}", title=True)
    for name in silent:
        print_remark(f"{name} cannot list what it has; ask for one by its name")
    return ExitCode.UNAVAILABLE if failures else ExitCode.DONE
