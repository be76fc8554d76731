"""Who may run workers: nobody whose token is not for that, whatever else it is for."""

import msgspec
import pytest

from penstock.model.remote.execution_messages import CONTENT_TYPE, PREFIX, ClaimTickets, Renewal, Reports, worker_name
from penstock.model.remote.remote_try import WorkerStatus

from .two_teams import OURS, PEOPLE, REFUSED, THEIRS

pytestmark = pytest.mark.xdist_group("two teams")

KEY = "the-key-of-a-worker"
NAME = worker_name("host-1", KEY)
MESSAGES = {
    "claims": ClaimTickets(NAME, KEY, "a-claim-of-tests", ("t-x.y",)),
    "renewals": Renewal(WorkerStatus(NAME), KEY),
    "reports": Reports(()),
}
MAY = {"all_admin", "only_workers_run"}


def test_only_who_may_run_workers_is_let_in(world):
    for name in (*PEOPLE, *REFUSED):
        call = world.call(name)
        for route, message in MESSAGES.items():
            answer = call("POST", f"{PREFIX}/{route}", msgspec.msgpack.encode(message), content_type=CONTENT_TYPE)
            expected = 200 if name in MAY else 401 if name in REFUSED else 403
            assert answer.status == expected, (name, route, answer)
            assert not [team for team in (OURS, THEIRS) if f"{team}_" in answer.body.decode("latin-1")]
