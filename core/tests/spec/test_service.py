"""What a service is run with is told to stop in a signal handler, at any moment."""

import subprocess
import sys
import threading
from pathlib import Path

from penstock.spec.service import ServiceContext

_SIGNALLED_ANYWHERE = """
import signal
from pathlib import Path
from penstock.spec.service import ServiceContext

made = []
signal.signal(signal.SIGALRM, lambda *_: made[-1].stop())
for round in range(300):
    made.append(ServiceContext("one", Path("."), print, int))
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + round % 100 * 1e-6)
    while not made[-1].wait(0):
        pass
"""


def _context() -> ServiceContext:
    return ServiceContext("one", Path(), lambda *_: None, lambda: 0)


def test_a_signal_that_comes_while_it_begins_or_ends_to_wait_is_taken():
    subprocess.run([sys.executable, "-c", _SIGNALLED_ANYWHERE], check=True, timeout=60)


def test_every_thread_that_waits_is_woken():
    context, woken = _context(), []
    waiting = [threading.Thread(target=lambda: woken.append(context.wait(60))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    context.stop()
    for thread in waiting:
        thread.join(30)
    assert woken == [True] * 3


def test_a_wait_that_is_over_says_whether_to_stop():
    context = _context()
    assert not context.wait(0)
    assert not context.wait(-1)
    for _ in range(100_000):
        context.stop()
    assert context.wait()
    assert context.stopping
