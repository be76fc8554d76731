"""What a task forks is another process: it must never speak, return or go on as if it were the try's own."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn


@contextlib.contextmanager
def in_one_process() -> Iterator[None]:
    """Run a block; a process that was forked in it ends where the block ends, as a program does at its end."""
    home = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != home:
            _end_program(error)
        raise
    if os.getpid() != home:
        _end_program(None)


def _end_program(error: BaseException | None) -> NoReturn:
    code = 0 if error is None else 1
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        code = error.code or 0
    elif error is not None:
        with contextlib.suppress(Exception):
            traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)
