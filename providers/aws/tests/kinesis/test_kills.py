"""A batcher is killed before each kind of request that changes the store, where alone it can leave something behind.

Requests are of a kind if they write the same sort of object after the same sort: of many files one after the other, one is enough.
"""

import os
import signal
import warnings
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from penstock_aws.hooks import S3Hook
from penstock_aws.hooks.kinesis import Batcher, BatchSettings, KinesisHook

STEP = "before-send.s3.PutObject"
KINDS = ("_SUCCESS", ".manifest", "_state", "_dead", "event")  # by a part of their keys; the first that is there


@pytest.mark.timeout(200)  # a dozen processes, on a machine that may be slow
def test_each_record_is_stored_once_wherever_a_batcher_is_killed(bucket, pipeline):
    fill(pipeline, f"s3://{bucket}/undisturbed")
    kinds = kinds_of_requests(pipeline)
    steps = {step: number for number, step in reversed([*enumerate(pairwise(["", *kinds]), 1)])}
    assert {*kinds} == {*KINDS}
    for step, number in steps.items():
        fill(pipeline, f"s3://{bucket}/{number}")
        assert killed_before(pipeline, number), step

        found = pipeline.run(time_field="at", lease_s=1.0, max_records=7)  # other batches than those that were begun

        check(pipeline, f"killed before PUT {number}, that of {step[1]} after {step[0] or 'nothing'}")
        assert found.caught_up


def kinds_of_requests(pipeline):
    """Which sort of object each request of an undisturbed batcher writes."""
    kinesis, s3 = KinesisHook(connection=pipeline.connection), S3Hook(connection=pipeline.connection)
    keys = []

    def note(request, **_):
        keys.append(urlsplit(request.url).path)

    s3.client.meta.events.register(STEP, note)
    work(kinesis, s3, pipeline)
    s3.client.meta.events.unregister(STEP, note)
    return [next(kind for kind in KINDS if kind in key) for key in keys]


def fill(pipeline, url):
    """Events of an hour that has passed and of one that has not, a repetition, and a dead letter; nothing is stored yet."""
    pipeline.url = url
    pipeline.fake.reset()
    pipeline.fake.now = lambda: pipeline.time
    pipeline.create()
    pipeline.time = 1_772_355_600.0
    pipeline.put(range(10), at=pipeline.time)
    pipeline.time += 2 * 3600
    pipeline.put(range(9, 15), at=pipeline.time)
    pipeline.put_raw(b"dead")


def check(pipeline, what):
    """Exactly that is there which is there without a kill."""
    keys = {key.removeprefix(pipeline.url.rpartition("/")[2] + "/") for key in pipeline.s3.keys(pipeline.url + "/")}
    pipeline.keys = lambda folder="": sorted(key for key in keys if key.startswith(folder))
    assert pipeline.ids() == list(range(15)), what
    assert len(pipeline.lines("_dead/")) == 1, what
    state = pipeline.state()
    counts = state["totals"]
    assert (counts["records"], counts["events"], counts["duplicates"], counts["dead"]) == (17, 15, 1, 1), what
    assert counts["files"] == len(pipeline.keys("event=")) + len(pipeline.keys("_dead/")), what
    assert "_hours/dt=2026-03-01/hour=09/_SUCCESS" in keys, what
    manifest = pipeline.s3.get(f"{pipeline.url}/_hours/dt=2026-03-01/hour=09/event=click.manifest").decode()
    assert all(key in manifest for key in pipeline.keys("event=click/dt=2026-03-01/hour=09/")), what
    assert state["intent"] is None, what


def killed_before(pipeline, number):
    """Run a batcher in a process that is killed before its n-th request; whether it came so far."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork beside the server's threads
        child = os.fork()
    if child == 0:
        try:
            work_until(number, pipeline)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def work_until(number, pipeline):
    kinesis, s3 = KinesisHook(connection=pipeline.connection), S3Hook(connection=pipeline.connection)
    left = [number]

    def count(**_):
        left[0] -= 1
        if left[0] <= 0:  # requests are sent by several threads
            os.kill(os.getpid(), signal.SIGKILL)

    s3.client.meta.events.register(STEP, count)
    work(kinesis, s3, pipeline)


def work(kinesis, s3, pipeline):
    settings = BatchSettings(
        stream="clicks", s3_url=pipeline.url, event_field="event", id_field="id", time_field="at", max_records=10
    )
    Batcher(settings, kinesis=kinesis, s3=s3).run(pause=lambda _: False, until_caught_up=True)
