"""The worker: ``python -m penstock_remote.worker --connect HOST:PORT --token-file FILE --folder FOLDER --slots N``."""

import argparse
import fcntl
import logging
import os
import socket
import sys
from pathlib import Path

from penstock.errors import RequestError
from penstock_remote.daemon import Daemon
from penstock_remote.messages import read_address, read_token


def main() -> None:
    """Work until the process is ended; its tries end with it, and are repeated elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m penstock_remote.worker", description="Run tries of Penstock.")
    parser.add_argument("--connect", required=True, metavar="HOST:PORT", help="where the executor listens")
    parser.add_argument("--token-file", required=True, type=Path, help="file of the token that the executor knows")
    parser.add_argument("--folder", required=True, type=Path, help="folder of this worker alone, for source snapshots")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1, help="tries at once; the number of CPUs")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        folder: Path = given.folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The folder's name is the worker's: started again, it is told apart from one that never came back.
        name = f"{socket.gethostname()}:{folder}"
        daemon = Daemon(name, read_address(given.connect), read_token(given.token_file), folder, given.slots)
    except (OSError, RequestError) as error:
        sys.exit(f"the worker cannot start in {given.folder}: {error}")
    daemon.run()


if __name__ == "__main__":
    main()
