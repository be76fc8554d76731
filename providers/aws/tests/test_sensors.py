"""Sensors of S3 look with as few requests as they can."""

import pytest

from penstock.errors import FailTask
from penstock_aws.sensors import S3KeySensor, S3KeysUnchangedSensor, S3PrefixSensor


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        pytest.param({"bucket_key": "d/1/go"}, True, id="key"),
        pytest.param({"bucket_key": "d/1/gone"}, False, id="missing key"),
        pytest.param({"bucket_key": "d/*/go"}, True, id="pattern"),
        pytest.param({"bucket_key": "*/go"}, False, id="a star stops at a slash"),
        pytest.param({"bucket_key": ["d/1/go", "d/2/*"]}, True, id="all of a list"),
        pytest.param({"bucket_key": ["d/1/go", "d/3/*"]}, False, id="one of a list is missing"),
        pytest.param({"bucket_key": "d/*/go", "wildcard_match": False}, False, id="no pattern"),
        pytest.param({"bucket_key": "d/*/go", "min_size": 3}, True, id="large enough"),
        pytest.param({"bucket_key": "d/*/go", "min_size": 4}, False, id="too small"),
        pytest.param({"bucket_key": "d/a[1].csv"}, True, id="brackets in a key"),
        pytest.param({"bucket_key": "d/[12]/go"}, True, id="brackets in a pattern"),
        pytest.param({"bucket_key": "d/1/go", "min_size": 3}, False, id="too small by its key"),
        pytest.param({"bucket_key": "d/*/go", "check_fn": lambda o: o.key == "d/2/go"}, True, id="judged"),
        pytest.param({"bucket_key": "d/*/go", "check_fn": lambda o: False}, False, id="judged away"),
    ],
)
def test_a_key_sensor_waits_for_what_it_means(runtime, s3, bucket, wanted, there):
    for key, body in (("d/1/go", "1"), ("d/2/go", "333"), ("d/2/s/go", "4444"), ("d/a[1].csv", "1")):
        s3.put(f"s3://{bucket}/{key}", body)

    assert S3KeySensor(task_id="t", bucket_name=bucket, **wanted).poke({}) is there


@pytest.mark.parametrize(
    "sensor",
    [S3KeySensor(task_id="t", bucket_key=[]), S3PrefixSensor(task_id="t", prefix=[])],
    ids=["keys", "prefixes"],
)
def test_waiting_for_nothing_fails(runtime, sensor):
    with pytest.raises(FailTask, match="is an empty list"):
        sensor.poke({})


def test_a_url_of_a_bucket_alone_means_all_of_it(runtime, s3, bucket):
    wait = [
        sensor
        for url in (f"s3://{bucket}", f"s3://{bucket}/")
        for sensor in (
            S3PrefixSensor(task_id="p", prefix=url),
            S3KeysUnchangedSensor(task_id="u", prefix=url, inactivity_period=0),
        )
    ]
    assert not any(sensor.poke({}) for sensor in wait)

    s3.put(f"s3://{bucket}/any", "")
    assert all(sensor.poke({}) for sensor in wait)


@pytest.fixture
def pages_of_ten(hook):
    """Listings come in pages of ten keys instead of a thousand."""

    def shorten(params, **_):
        return {**params, "MaxKeys": 10}

    hook.client.meta.events.register("provide-client-params.s3.ListObjectsV2", shorten)
    yield
    hook.client.meta.events.unregister("provide-client-params.s3.ListObjectsV2", shorten)


@pytest.mark.usefixtures("pages_of_ten")
def test_a_key_sensor_stops_at_the_first_match_and_passes_over_folders_that_cannot_match(
    runtime, fill, bucket, requests
):
    fill([*(f"d/1/part-{number:02}" for number in range(11)), "d/2/_SUCCESS"])

    assert S3KeySensor(task_id="t", bucket_key=f"s3://{bucket}/d/1/*").poke({})
    assert requests == ["ListObjectsV2"]
    assert S3KeySensor(task_id="t", bucket_key=f"s3://{bucket}/d/*/_SUCCESS").poke({})
    assert requests == ["ListObjectsV2"] * 3


def test_keys_that_come_in_order_are_not_judged_twice(runtime, s3, bucket):
    judged = []
    s3.put(f"s3://{bucket}/d/1", "")
    sensor = S3KeySensor(
        task_id="t",
        bucket_key=f"s3://{bucket}/d/*",
        in_order=True,
        check_fn=lambda o: judged.append(o.key) or o.size > 0,
    )

    assert not sensor.poke({})
    s3.put(f"s3://{bucket}/d/2", "")
    assert not sensor.poke({})
    s3.put(f"s3://{bucket}/d/3", "x")
    assert sensor.poke({})
    assert judged == ["d/1", "d/2", "d/3"]


def test_without_an_order_a_key_before_the_last_one_is_found(runtime, s3, bucket):
    s3.put(f"s3://{bucket}/d/b", "")
    sensor = S3KeySensor(task_id="t", bucket_key=f"s3://{bucket}/d/*", min_size=1)

    assert not sensor.poke({})
    s3.put(f"s3://{bucket}/d/a", "x")
    assert sensor.poke({})


def test_identical_pokes_have_one_key_and_others_have_their_own():
    first = S3KeySensor(task_id="a", bucket_key="s3://b/x")

    assert first.poke_key() == S3KeySensor(task_id="b", bucket_key="s3://b/x", poke_interval=5).poke_key()
    assert first.poke_key() != S3KeySensor(task_id="a", bucket_key="s3://b/y").poke_key()
    assert S3KeySensor(task_id="a", bucket_key="s3://b/x", check_fn=lambda o: True).poke_key() is None


def test_a_prefix_sensor_asks_for_one_key(runtime, s3, bucket, requests):
    s3.put(f"s3://{bucket}/day=1/x", "")

    assert S3PrefixSensor(task_id="t", prefix="day=", bucket_name=bucket).poke({})
    assert not S3PrefixSensor(task_id="t", prefix=[f"s3://{bucket}/day=", f"s3://{bucket}/day=2"]).poke({})
    assert requests == ["ListObjectsV2"] * 3


def test_the_unchanged_sensor_looks_at_the_store(runtime, s3, bucket):
    s3.put(f"s3://{bucket}/in/a", "1")

    assert S3KeysUnchangedSensor(task_id="t", prefix=f"s3://{bucket}/in/", inactivity_period=0).poke({})
    assert not S3KeysUnchangedSensor(task_id="t", prefix=f"s3://{bucket}/in/", inactivity_period=3600).poke({})
