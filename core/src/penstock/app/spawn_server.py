"""Main of a spawn server: ``python -m penstock.app.spawn_server PLUGINS THREADS CONTROL LOCK``.

Where plugins come from, as JSON; a number of threads for plain pokes; and the numbers of two descriptors.
"""

import gc
import sys

from penstock.processes.huge_pages import reserve

RESERVED_MB = 8
"""Megabytes of small objects that a spawn server makes, and about as many of large ones with those of a file server."""


def main() -> None:
    """Serve until the scheduler hangs up."""
    reserve(RESERVED_MB)
    gc.disable()  # what is imported stays
    from penstock.app.try_environment import serve_tries  # noqa: PLC0415 - what it imports is to lie in what was reserved

    gc.enable()
    plugins, *numbers = sys.argv[1:5]
    serve_tries(plugins, *map(int, numbers))


if __name__ == "__main__":
    main()
