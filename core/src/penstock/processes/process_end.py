"""What Python does at the end of a program, done at the end of a try whose process ends with it.

A try's process is a fork and leaves by ``os._exit``, so that nothing which its file server has set up is torn down. What
the try itself has set up is: threads that are no daemons are waited for, and its exit functions are called.
"""

import atexit
import contextlib
import sys
import threading
import weakref
from collections.abc import Callable

PATIENCE_S = 2.0
"""Seconds after which the log says what the end of a try waits for."""


class ProcessEnd:
    """Made before the code of a try runs; `finish` is the end of the program that it is.

    Args:
        log: Takes a line for whoever waits for the end.
        done: What has ended before its threads, as in "the task has returned".
    """

    def __init__(self, log: Callable[[str], object], done: str = "the task has returned") -> None:
        self._log, self._done = log, done
        self._threads = set(threading.enumerate())
        # Those of the file server are its own: a folder that the import of the file made must outlive this try.
        atexit._clear()  # noqa: SLF001 - there is no public way, and multiprocessing leaves them out as well
        self._finalizers = set(_finalizers())

    def finish(self) -> None:
        """Wait for threads, and call exit functions; what these raise goes to standard error."""
        self._join_threads()
        if util := sys.modules.get("multiprocessing.util"):
            with contextlib.suppress(Exception):
                util._exit_function()  # noqa: SLF001 - it waits for processes; it was cleared if the DAG file imported it
        atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter calls
        for each in set(_finalizers()) - self._finalizers:
            if each.atexit:
                with contextlib.suppress(Exception):
                    each()
        if logging := sys.modules.get("logging"):
            logging.shutdown()

    def _join_threads(self) -> None:
        mine = [each for each in threading.enumerate() if each not in self._threads and not each.daemon]
        if not mine:
            return
        names = ", ".join(sorted(each.name for each in mine))
        notice = threading.Timer(PATIENCE_S, self._log, [f"{self._done}; its threads still run: {names}\n"])
        notice.daemon = True
        notice.start()
        if any(not each.daemon and each is not threading.main_thread() for each in self._threads):
            for each in mine:
                each.join()
        else:
            threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - it ends idle pools, too
        notice.cancel()


def _finalizers() -> list["weakref.finalize[..., object]"]:
    return list(weakref.finalize._registry)  # type: ignore[attr-defined]  # noqa: SLF001 - they cannot be listed otherwise
