"""Two installations on one broker and one queue: each leaves the other's tickets to it, and says so."""

import pytest

from penstock_testkit.brokers.rabbitmq import rabbitmq
from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.nightly import nightly_but

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("celery_two")]
SERVERS = {"redis": valkey, "rabbit": rabbitmq}


@pytest.mark.parametrize("kind", nightly_but([], list(SERVERS)))
def test_a_ticket_of_another_installation_is_left_to_it(make, kind):
    """It was thrown away, and its try waited until it was rung for again, for as long as luck would have it."""
    with SERVERS[kind]() as server:
        ours, theirs = make(server), make(server)
        ours.worker()
        ours.start("busy")
        _, output = theirs.worker()
        ours.made.trigger("gated", "ours")
        theirs.made.wait(lambda: "is another installation's, and left to it" in output(), "it says so")
        theirs.start("theirs")
        theirs.open("theirs")
        assert theirs.made.ended("gated", "theirs") == "success"
        ours.open("busy")
        ours.made.wait(lambda: ours.begun("ours"), "its own worker comes to it")
        ours.open("ours")
        assert ours.made.ended("gated", "ours") == "success"
        assert len(ours.begun("ours")) == 1
        assert "Traceback" not in output()
        for each in (ours, theirs):
            each.made.stop()
