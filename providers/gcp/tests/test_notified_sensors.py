"""Sensors that Pub/Sub tells when to look: its messages save requests and time, and the bucket alone is believed."""

import json
import subprocess
import sys

import pytest

from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock.testing import SensorSuite, runtime
from penstock_gcp.hooks import PubSubHook
from penstock_gcp.sensors import (
    GCSObjectExistenceSensor,
    GCSObjectsWithPrefixExistenceSensor,
    GCSObjectUpdateSensor,
)

LOOK = "GET /storage/v1/b/clicks/o/{name...}"
PULL = "POST /v1/projects/a-project/subscriptions/{name}:pull"

KILLED = """
import sys
from penstock import Connection
from penstock.testing import runtime
from penstock_gcp.sensors import GCSObjectExistenceSensor

with runtime({"gcp_default": Connection("gcp_default", "gcp", password=sys.stdin.read())}):
    GCSObjectExistenceSensor(task_id="t", object_name="gs://clicks/a", subscription=sys.argv[1]).poke({})
"""


@pytest.fixture(autouse=True)
def surroundings(connection):
    with runtime({"gcp_default": connection}):
        yield


@pytest.fixture
def told(pubsub, subscription):
    """What the subscription has."""
    return pubsub.subscriptions[subscription]


def existence(subscription, name="a", **arguments):
    return GCSObjectExistenceSensor(
        task_id="t", object_name=f"gs://clicks/{name}", subscription=subscription, **arguments
    )


def test_the_bucket_is_looked_at_once_and_then_when_a_message_tells_of_it(gcs, told, subscription):
    sensor = existence(subscription)

    found = [sensor.poke({}), sensor.poke({})]
    gcs.put("gs://clicks/another", "")
    found.append(sensor.poke({}))
    looks = len(gcs.asked(LOOK))
    gcs.put("gs://clicks/a", "")
    found.append(sensor.poke({}))

    assert found == [False, False, False, True]
    assert (looks, len(gcs.asked(LOOK))) == (1, 2)
    assert not told.waiting
    assert not told.outstanding


def test_a_message_that_is_lost_costs_time_alone(gcs, told, subscription):
    patient, other = existence(subscription), existence(subscription, look_interval=0)
    assert not patient.poke({})
    assert not other.poke({})
    gcs.put("gs://clicks/a", "")
    told.waiting.clear()

    assert not patient.poke({})
    assert other.poke({})


def test_a_stale_message_never_ends_a_wait(gcs, told, subscription):
    sensor = existence(subscription)
    assert not sensor.poke({})
    gcs.put("gs://clicks/a", "")
    del gcs.buckets["clicks"].objects["a"]

    assert not sensor.poke({})
    assert len(gcs.asked(LOOK)) == 2
    assert not told.outstanding


def test_those_who_wait_in_one_process_share_what_is_told(gcs, told, subscription):
    first, second = existence(subscription, "a"), existence(subscription, "b")
    assert not first.poke({})
    assert not second.poke({})
    gcs.put("gs://clicks/b", "")

    assert not first.poke({})
    assert not told.outstanding
    assert second.poke({})
    assert len(gcs.asked(LOOK)) == 3


def test_who_has_missed_more_than_is_kept_looks(gcs, pubsub, subscription):
    idle, busy = existence(subscription, "a"), existence(subscription, "b")
    assert not idle.poke({})
    gcs.put("gs://clicks/a", "")
    for number in range(5000):
        pubsub.publish(subscription, {"bucketId": "clicks", "objectId": f"of-another-{number}"})

    while pubsub.subscriptions[subscription].waiting:
        assert not busy.poke({})
    assert idle.poke({})


def test_a_process_that_is_killed_with_a_message_loses_nothing(gcs, told, subscription, key):
    gcs.put("gs://clicks/a", "")
    held = gcs.faults.hold(when=LOOK)
    with subprocess.Popen([sys.executable, "-c", KILLED, subscription], stdin=subprocess.PIPE, text=True) as process:
        process.stdin.write(json.dumps(key[1]))
        process.stdin.close()
        held.reached()
        process.kill()
    held.release()

    assert not told.waiting
    assert not told.outstanding
    assert existence(subscription).poke({})


def test_a_message_that_could_not_be_acknowledged_comes_again(gcs, pubsub, told, subscription):
    sensor = existence(subscription)
    assert not sensor.poke({})
    gcs.put("gs://clicks/b", "")
    pubsub.faults.server_error(when="POST /v1/projects/a-project/subscriptions/{name}:acknowledge")

    assert not sensor.poke({})
    assert told.outstanding
    pubsub.redeliver(subscription)
    assert not sensor.poke({})
    assert not told.outstanding


def test_while_the_service_is_away_each_poke_looks(gcs, pubsub, subscription):
    sensor = existence(subscription)
    pubsub.faults.server_error(None)

    assert not sensor.poke({})
    gcs.put("gs://clicks/a", "")
    assert sensor.poke({})
    assert len(pubsub.asked(PULL)) == 2


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [("projects/a-project/subscriptions/other", ErrorKind.NOT_FOUND), ("clicks", ErrorKind.INVALID)],
)
def test_a_subscription_that_is_not_there_is_told_at_once(gcs, told, wrong, kind):
    gcs.put("gs://clicks/a", "")

    with pytest.raises(ProviderError) as raised:
        existence(wrong).poke({})

    assert raised.value.kind is kind


def test_messages_of_others_are_left_where_they_are(pubsub, told, subscription):
    pubsub.publish(subscription, {"order": "7"})

    with pytest.raises(FailTask, match="no notification of Cloud Storage"):
        existence(subscription).poke({})

    assert told.outstanding


@pytest.mark.parametrize(
    ("sensor", "arguments", "name"),
    [
        (GCSObjectExistenceSensor, {"object_name": "gs://clicks/in/**/_SUCCESS", "use_glob": True}, "in/1/_SUCCESS"),
        (GCSObjectExistenceSensor, {"object_name": ["in/b"], "bucket": "clicks"}, "in/b"),
        (GCSObjectsWithPrefixExistenceSensor, {"prefix": "gs://clicks/in/"}, "in/b"),
        (GCSObjectsWithPrefixExistenceSensor, {"prefix": "gs://clicks"}, "b"),
        (GCSObjectUpdateSensor, {"object_name": "gs://clicks/a", "after_generation": 0}, "a"),
    ],
)
def test_each_sensor_knows_what_concerns_it(gcs, pubsub, subscription, sensor, arguments, name):
    made = sensor(task_id="t", subscription=subscription, **arguments)
    assert not made.poke({})
    gcs.create_bucket("other")
    gcs.put(f"gs://other/{name}", "")
    before = len(gcs.requests)

    assert not made.poke({})
    assert len(gcs.requests) == before
    gcs.put(f"gs://clicks/{name}", "")
    assert made.poke({})


def test_the_connection_test_asks_for_no_more_than_a_list(pubsub, subscription, connection):
    report = PubSubHook(connection=connection).test_connection()

    assert (report.ok, report.identity) == (True, "robot@a-project.iam.gserviceaccount.com")


class TestGCSObjectExistenceSensor(SensorSuite):
    operator = GCSObjectExistenceSensor

    @pytest.fixture
    def connections(self, connection, gcs):
        gcs.put("gs://clicks/in/a", "one")
        return {"gcp_default": connection}

    @pytest.fixture
    def arguments(self, subscription):
        return {"object_name": "gs://clicks/in/a", "subscription": subscription}

    @pytest.fixture
    def waiting(self, subscription):
        return {"object_name": "gs://clicks/nothing", "subscription": subscription, "look_interval": 1.0}
