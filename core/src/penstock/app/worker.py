"""Main of the process in which a far executor's worker runs one try: ``python -m penstock.app.worker PARENT LINE SNAPSHOTS``.

Started by `penstock.spec.worker`: the parent's process id, the number of the descriptor of the line to it, and the folder of
source snapshots.
"""

import logging
import os
import re
import socket
import sys
from functools import partial
from pathlib import Path

from penstock.app.try_environment import environment_providers
from penstock.decoders import decode_msgpack
from penstock.execute.channel import Channel
from penstock.execute.runner import Runner
from penstock.execute.try_process import run_request
from penstock.processes.fork import die_with_parent
from penstock.processes.log_lines import log_to_stdout
from penstock.spec.executor import FileCode, TryRequest
from penstock.spec.wire import FrameKind


def main(parent: int, line: int, snapshots: Path) -> None:
    """Run the try that comes first on the line, and return when it has ended or the worker hung up."""
    die_with_parent(parent)
    log_to_stdout(logging)
    channel = Channel(socket.socket(fileno=line), partial(_shown, snapshots))
    while frames := channel.frames():
        for kind, serial, payload in frames:
            if kind == FrameKind.RUN:
                request = decode_msgpack(payload, TryRequest)
                code = request.code if isinstance(request.code, FileCode) else None
                runner = Runner(code, snapshots, environment_providers())
                channel.mask.learn(runner.secrets)
                run_request(channel, runner, serial, request, ends=True)
                os._exit(0)  # threads that the task left behind must not keep the process


def _shown(snapshots: Path, error: str) -> str:
    """An error whose traceback names the author's files as they lie in the DAGs folder, which is elsewhere."""
    return re.sub(rf'File "{re.escape(str(snapshots))}/[^/]+/', 'File "', error)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
