"""Workers that cannot do what they were started for are refused with a sentence, and look like no success to what started them."""

import pytest

from penstock.app.workers.remote_worker import WorkerChoice, run_worker
from penstock.errors import ExitCode

SERVER = {"PENSTOCK_SERVER": "http://127.0.0.1:9"}


@pytest.mark.parametrize("ticket", ["@@@@", "t-x", "t-x.", "t-x.abc\n", "T-X.abc", "t-x.abc d", "$(ticket)"])
def test_a_ticket_that_is_none_is_refused(capsys, ticket):
    assert run_worker({**SERVER, "PENSTOCK_TICKET": ticket}, WorkerChoice()) is ExitCode.UNAVAILABLE
    assert "PENSTOCK_TICKET holds what is no ticket" in capsys.readouterr().err
