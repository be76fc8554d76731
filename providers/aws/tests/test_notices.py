"""Alerts go to a topic and metrics to CloudWatch, within the limits of both."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from moto.cloudwatch.models import MetricAggregatedDatum, cloudwatch_backends
from moto.sns.models import sns_backends

from penstock.errors import ProviderError
from penstock.spec.metrics_sink import BOUNDS_S, Point
from penstock.spec.notifier import AlertMessage
from penstock.testing import MetricsSinkSuite, NotifierSuite
from penstock_aws.metrics import CloudWatchSink
from penstock_aws.notifiers import SnsNotifier

ACCOUNT, REGION = "123456789012", "us-east-1"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def topic(s3, runtime):
    """The ARN of a topic."""
    client = s3.client("sns")
    yield client.create_topic(Name="alerts")["TopicArn"]
    client.close()


def notices(arn):
    """What a topic has taken: id, message, subject, attributes, group."""
    return sns_backends[ACCOUNT][REGION].topics[arn].sent_notifications


class TestSnsNotifier(NotifierSuite):
    @pytest.fixture
    def notifier(self, topic):
        return SnsNotifier(topic_arn=topic)

    @pytest.fixture
    def sent(self, topic):
        return lambda: [message for _, message, *_ in notices(topic)]

    @pytest.fixture
    def away(self, away_runtime):
        return SnsNotifier(topic_arn=f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts")


def test_subject_and_attributes_tell_what_it_is_about(topic):
    title = "Zähler\nfehlt " + "x" * 200
    SnsNotifier(topic_arn=topic).send(AlertMessage("k", title, "text", AT, "task_failed", 1, "shop", "r", "load"))

    _, message, subject, attributes, _ = notices(topic)[0]
    assert message.startswith(title)
    assert subject.startswith("Z?hler fehlt xxx")
    assert len(subject) == 99
    assert attributes.keys() == {"event", "dag_id", "task_id"}
    assert "shop" in str(attributes["dag_id"])


def test_a_topic_in_order_takes_an_alert_once_however_often_it_is_sent(s3, runtime):
    topics, queues = s3.client("sns"), s3.client("sqs")
    arn = topics.create_topic(Name="alerts.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    queue = queues.create_queue(QueueName="alerts.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:alerts.fifo")
    for _ in range(2):
        SnsNotifier(topic_arn=arn).send(AlertMessage("a key", "it failed", "text", AT))

    assert len(queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]) == 1
    topics.close()
    queues.close()


def test_a_wrong_topic_is_refused_and_not_tried_again():
    with pytest.raises(ProviderError, match="Give the ARN of a topic") as raised:
        SnsNotifier(topic_arn="alerts")
    assert raised.value.kind == "invalid"


def stored():
    """What CloudWatch has."""
    return cloudwatch_backends[ACCOUNT][REGION].metric_data


class TestCloudWatchSink(MetricsSinkSuite):
    @pytest.fixture
    def sink(self, s3, runtime):
        return CloudWatchSink(aws_conn_id="aws_default")

    @pytest.fixture
    def taken(self):
        def totals():
            found = Counter()
            for each in stored():
                if each.name == "slots.used":
                    found[each.name] = each.value
                else:
                    found[each.name] += 1 if each.name == "tries.seconds" else each.value
            return found

        return totals

    @pytest.fixture
    def away(self, away_runtime):
        return CloudWatchSink(aws_conn_id="aws_default")


def test_what_is_not_chosen_is_not_sent(s3, runtime):
    sink = CloudWatchSink(aws_conn_id="aws_default", only=["runs.*"], dimensions=["dag_id"])
    tags = {"dag_id": "shop", "state": "failed"}
    sink.write([Point("runs.finished", "counter", "{run}", tags, 1.0), Point("slots", "gauge", "1", {}, 1.0)], AT)

    assert [(each.name, [(d.name, d.value) for d in each.dimensions]) for each in stored()] == [
        ("runs.finished", [("dag_id", "shop")])
    ]


def test_more_values_than_a_request_takes_are_told_by_their_bounds(s3, runtime):
    buckets = tuple(200 if bound in (0.5, 10.0) else 0 for bound in (*BOUNDS_S, 0.0))
    timing = Point("tries.seconds", "timing", "s", {}, 1000.0, 400, buckets, (0.4,) * 100)
    CloudWatchSink(aws_conn_id="aws_default").write([timing], AT)

    (found,) = stored()
    assert isinstance(found, MetricAggregatedDatum)
    assert (found.sample_count, found.sum, found.min, found.max) == (400.0, 1000.0, 0.25, 10.0)


def test_a_number_that_is_none_does_not_lose_the_others(s3, runtime):
    points = [Point("a", "gauge", "1", {}, value) for value in (1.0, float("nan"), float("inf"), 2.0**361, 2.0)]
    CloudWatchSink(aws_conn_id="aws_default").write(points, AT)

    assert [each.value for each in stored()] == [1.0, 2.0]


def test_no_request_is_larger_than_the_service_takes(s3, runtime):
    sink = CloudWatchSink(aws_conn_id="aws_default")
    sizes = []
    client = sink._hook.client
    client.meta.events.register(
        "provide-client-params.cloudwatch", lambda params, **_: sizes.append(len(params["MetricData"]))
    )
    tags = {f"tag{number}": "x" * 1000 for number in range(10)}
    sink.write([Point("a", "gauge", "1", {}, 1.0)] * 1001 + [Point("b", "gauge", "1", tags, 1.0)] * 100, AT)

    assert sum(sizes) == 1101
    assert max(sizes) <= 1000
    assert len(sizes) >= 4
