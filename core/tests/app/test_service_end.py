"""Whatever ends a service is a sentence, and a code that tells its supervisor whether a restart is of use."""

import errno

import pytest

from penstock.app.parts.service_end import ended_by
from penstock.errors import ConfigError, ExitCode, InternalError, StoreGoneError, StoreUnavailableError

BUG = "a bug in Penstock"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StoreGoneError("the database is gone"), ExitCode.REFUSED, "metrics: the database is gone"),
        (StoreUnavailableError("the database is locked"), ExitCode.FAILED, "metrics: the database is locked"),
        (ConfigError("no such sink"), ExitCode.UNAVAILABLE, "metrics: no such sink"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            ExitCode.FAILED,
            "metrics: OSError: [Errno 28] No space left",
        ),
        (MemoryError(), ExitCode.FAILED, "metrics: MemoryError"),
        (RuntimeError("can't start new thread"), ExitCode.BUG, f"metrics: {BUG}: RuntimeError: can't start new thread"),
        (InternalError("the parse server ends"), ExitCode.BUG, f"metrics: {BUG}: the parse server ends"),
    ],
)
def test_what_ends_a_service_is_a_sentence_and_a_code(error, code, said, capfd):
    assert ended_by(error, "metrics: ") is code
    told = capfd.readouterr().err
    assert told.startswith(said)
    assert "Traceback" not in told


def test_where_it_happened_is_told_on_demand(monkeypatch, capfd):
    monkeypatch.setenv("PENSTOCK_TRACEBACK", "1")
    ended_by(ValueError("odd"))
    assert capfd.readouterr().err.count("ValueError: odd") == 2
