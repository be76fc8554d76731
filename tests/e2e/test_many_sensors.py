"""Acceptance: many sensors on one prefix make one chain of LISTs an interval, whenever each of them began."""

import pytest
from many_sensors import Waiting

from penstock_testkit.numbered import NumberedBucket
from penstock_testkit.saas import plain_http

pytestmark = pytest.mark.timeout(900)
CHAIN = ["", "0/00000009.json", "0/00000019.json"]
"""The tokens of one listing, page by page."""


def is_last_page(request):
    return request.query.get("continuation-token") == CHAIN[-1]


@pytest.mark.nightly
def test_sensors_that_wait_for_one_prefix_list_it_once_for_all(tmp_path):
    bucket = NumberedBucket({"0/": 29}, largest_page=10)
    with plain_http(bucket) as endpoint:
        waiting = Waiting(tmp_path, endpoint, sensors=20, prefixes=1, interval=5)
        # The last page of the first listing is not answered before all of them wait: then all share the next, those that did not
        # begin the first, too.
        held = bucket.faults.hold(when=is_last_page, handled=True)
        with waiting.up():
            held.reached(300)
            waiting.wait_for_all()
            bucket.folders["0/"].others.append("0/it.done")
            held.release()
            waiting.wait_for_success()
        assert bucket.problems == []
        assert [each.query.get("continuation-token", "") for each in bucket.requests] == 2 * CHAIN
