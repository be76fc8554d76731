"""Handlers are set as by the module `signal`."""

import os
import signal

from penstock.processes import signals


def test_a_signal_calls_its_handler_is_ignored_or_does_what_it_did_at_first():
    heard = []
    before = signal.getsignal(signal.SIGUSR1)
    try:
        signals.handle(signal.SIGUSR1, lambda number, _: heard.append(number))
        os.kill(os.getpid(), signal.SIGUSR1)
        signals.ignore(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
        signals.restore(signal.SIGUSR1, signal.SIGUSR2)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]
