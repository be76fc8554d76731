"""The sensors, poke by poke."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.errors import FailTask
from penstock.testing import runtime
from penstock_gcp.sensors import (
    GCSObjectExistenceSensor,
    GCSObjectsWithPrefixExistenceSensor,
    GCSObjectUpdateSensor,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def surroundings(connection):
    with runtime({"gcp_default": connection}):
        yield


def test_a_prefix_costs_one_request_of_one_name(gcs):
    """apache/airflow#23760: the prefix sensor loaded all names, and memory ran out."""
    for number in range(120):
        gcs.put(f"gs://clicks/in/{number:03}", "x")

    assert GCSObjectsWithPrefixExistenceSensor(task_id="t", prefix="gs://clicks/in/").poke({})

    asked = gcs.asked("GET /storage/v1/b/clicks/o")
    assert [each.query["maxResults"] for each in asked] == ["1"]


def test_a_pattern_is_looked_for_by_the_service(gcs):
    gcs.put("gs://clicks/in/deep/er/_SUCCESS", "")
    sensor = GCSObjectExistenceSensor(task_id="t", object_name="gs://clicks/in/**/_SUCCESS", use_glob=True)
    other = GCSObjectExistenceSensor(task_id="u", object_name="gs://clicks/in/*/_SUCCESS", use_glob=True)

    assert sensor.poke({})
    assert not other.poke({})


def test_each_of_many_objects_is_waited_for(gcs):
    gcs.put("gs://clicks/a", "")
    sensor = GCSObjectExistenceSensor(task_id="t", object_name=["a", "b"], bucket="clicks")

    assert not sensor.poke({})
    gcs.put("gs://clicks/b", "")
    assert sensor.poke({})


def test_an_empty_list_is_no_wait():
    with pytest.raises(FailTask):
        GCSObjectExistenceSensor(task_id="t", object_name=[]).poke({})


def test_a_new_generation_is_seen_by_its_number(gcs):
    first = gcs.put("gs://clicks/a", "one").generation
    sensor = GCSObjectUpdateSensor(task_id="t", object_name="gs://clicks/a", after_generation=str(first))

    assert not sensor.poke({})
    gcs.put("gs://clicks/a", "one")
    assert sensor.poke({})


def test_without_a_generation_a_change_after_the_interval_counts(gcs):
    at = datetime.fromtimestamp(gcs.put("gs://clicks/a", "one").generation / 1e6, UTC)
    sensor = GCSObjectUpdateSensor(task_id="t", object_name="gs://clicks/a")

    assert sensor.poke({"data_interval_end": at - timedelta(seconds=1)})
    assert not sensor.poke({"data_interval_end": at + timedelta(seconds=1)})
