"""The service that stores a Kinesis stream."""

from typing import Literal

from penstock.spec.service import ServiceContext
from penstock_aws.hooks.kinesis import Batcher, BatchSettings, Progress


class KinesisBatchService:
    """Stores the events of a Kinesis stream as files of S3, all the time; see `penstock_aws.transfers.KinesisToS3Operator`.

    Args:
        stream: Name or ARN of the stream.
        s3_url: URL of the folder.
        event_field: The event's field that holds its name; all are ``all`` without one.
        id_field: The field with an id by which a producer's repetitions are dropped.
        time_field: The field with the event's own time; that of its arrival counts without one.
        window: How many ids a shard remembers.
        lateness_s: So long after its end an hour waits for events.
        accepted_age_s: An event that was older when it arrived is a dead letter.
        max_records: A batch is stored at so many records,
        max_bytes: or so many bytes,
        max_seconds: or so long after its first record was read.
        start: ``TRIM_HORIZON`` for all that the stream holds when its first batcher begins, or ``LATEST``.
        lease_s: So long after the last sign of life of its reader a shard is another's.
        poll_s: Seconds between two questions to a shard.
        max_shards: How many shards it reads at most at once; 0 for all that are free.
        unhealthy_lag_s: With a shard further behind than this, it reports that it is not well.
        aws_conn_id: The connection, for the stream and the folder.

    Raises:
        ValueError: An option cannot be right.
    """

    def __init__(  # noqa: PLR0913 - the options of a batcher
        self,
        *,
        stream: str,
        s3_url: str,
        event_field: str = "",
        id_field: str = "",
        time_field: str = "",
        window: int = 10_000,
        lateness_s: float = 60.0,
        accepted_age_s: float = 604_800.0,
        max_records: int = 50_000,
        max_bytes: int = 33_554_432,
        max_seconds: float = 60.0,
        start: Literal["TRIM_HORIZON", "LATEST"] = "TRIM_HORIZON",
        lease_s: float = 30.0,
        poll_s: float = 1.0,
        max_shards: int = 0,
        unhealthy_lag_s: float = 900.0,
        aws_conn_id: str = "aws_default",
    ) -> None:
        self.settings = BatchSettings(
            stream=stream, s3_url=s3_url, event_field=event_field, id_field=id_field, time_field=time_field,
            window=window, lateness_s=lateness_s, accepted_age_s=accepted_age_s, max_records=max_records,
            max_bytes=max_bytes, max_seconds=max_seconds, start=start, lease_s=lease_s, poll_s=poll_s,
            max_shards=max_shards,
        )  # fmt: skip
        self.unhealthy_lag_s, self.aws_conn_id = unhealthy_lag_s, aws_conn_id

    def run(self, context: ServiceContext) -> None:
        """Work until told to stop, and report counts and lag after each round."""

        def report(progress: Progress) -> None:
            context.report(str(progress), healthy=progress.known_lag_s <= self.unhealthy_lag_s)

        if context.stopping:
            return
        Batcher(self.settings, self.aws_conn_id).run(pause=context.wait, report=report)
