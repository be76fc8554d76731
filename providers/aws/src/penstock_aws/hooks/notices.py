"""Hooks of the two services that are told what happens: Amazon SNS and Amazon CloudWatch's metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from penstock_aws.hooks.clients import client
from penstock_aws.hooks.service import AwsHook


class SnsHook(AwsHook):
    """A client of Amazon SNS.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "sns"

    def publish(self, topic_arn: str, message: str, **options: Any) -> str:  # noqa: ANN401 - the API's own
        """Publish a message to a topic.

        Args:
            topic_arn: The topic; it is asked for in its own region.
            message: The text, at most 256 KiB with its attributes.
            **options: Further arguments of Publish.

        Returns:
            The message's id.
        """
        with self.errors("Publish", topic_arn):
            local = client(self.service, replace(self.fields, region_name=topic_arn.split(":")[3]))
            return str(local.publish(TopicArn=topic_arn, Message=message, **options)["MessageId"])


class CloudWatchHook(AwsHook):
    """A client of Amazon CloudWatch's metrics.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "cloudwatch"

    def put(self, namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        """Store measurements, at most 1,000 of them.

        Args:
            namespace: Where they are shown.
            data: Each as a ``MetricDatum`` of the API.
        """
        with self.errors("PutMetricData", namespace):
            self.client.put_metric_data(Namespace=namespace, MetricData=data)
