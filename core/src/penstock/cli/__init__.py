"""The command line: commands parse, call the service, and print; `penstock.errors.ExitCode` says how they ended."""

import contextlib
import gc
import sys

_RARELY = (1_000_000, 50, 50)
"""When to look for garbage: what a command imports and reads is none, and looking for it takes a tenth of its time."""


def main() -> int:
    """Run the command line of this process; the exit code is returned."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from penstock import __version__  # noqa: PLC0415 - click takes longer to import than this takes to answer

        with contextlib.suppress(
            OSError, AttributeError
        ):  # it is full or closed: the other way has a sentence for that
            sys.stdout.write(f"penstock {__version__}\n")
            sys.stdout.flush()
            return 0
    gc.set_threshold(*_RARELY)
    from penstock.cli.root import run  # noqa: PLC0415 - as above

    code = run(arguments)
    gc.freeze()  # Python looks at all that is left when it ends, which takes as long again
    return code
