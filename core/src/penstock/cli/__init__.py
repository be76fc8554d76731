"""The command line: commands parse, call the service, and print.

Exit codes: 0 done; 1 what was asked for was tried and failed; 2 the command line is wrong; 3 there is no such thing;
4 refused, as the state or a value forbids it; 5 the database, a file or a setting is in the way; 70 a bug in Penstock;
130 interrupted.
"""

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
