"""Named instants at which a test has a process killed: where a real one would leave the most to be repaired."""

import os
import signal

FOLDER = "PENSTOCK_FAILPOINTS"
"""Environment variable that names a folder; only tests set it. A file in it with the name of a failpoint arms that once."""


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL if this instant is armed.

    Who removes the file is killed, so that of several processes one is, and the one that replaces it is not. Where no folder is named,
    it costs one look into a dict.

    Args:
        name: ``room.step.before`` or ``room.step.after``.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    try:
        os.unlink(os.path.join(folder, name))  # noqa: PTH108, PTH118 - pathlib would cost commands their start
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
