"""The command line: commands parse, call the service, and print; `penstock.errors.ExitCode` says how they ended."""

import sys


def main() -> int:
    """Run the command line of this process; the exit code is returned."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from penstock import __version__  # noqa: PLC0415 - click takes longer to import than this takes to answer

        sys.stdout.write(f"penstock {__version__}\n")
        return 0
    from penstock.cli.root import run  # noqa: PLC0415 - as above

    return run(arguments)
