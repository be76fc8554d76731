"""Main of the parse server: ``python -m penstock.load.parse.parse_process FD``, the number of a stream socket to the loader."""

import gc
import sys

from penstock.processes.huge_pages import reserve

RESERVED_MB = 10
"""Megabytes of small objects that the parse server makes, and about as many of large ones with those of its children."""


def main() -> None:
    """Serve until the loader hangs up."""
    reserve(RESERVED_MB)
    gc.disable()  # what is imported stays, and children live shortly
    from penstock.load.parse.parse_server import serve  # noqa: PLC0415 - what it imports is to lie in what was reserved

    serve(int(sys.argv[1]))


if __name__ == "__main__":
    main()
