"""Services: parts of this provider that run beside the scheduler."""

import time
from typing import Literal

from penstock.errors import PenstockError
from penstock.spec.service import ServiceContext
from penstock_aws.hooks.kinesis import Batcher, BatchSettings, Progress
from penstock_aws.hooks.task_protection import TaskProtection

_LONGEST_PROTECTION_MIN = 2880


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


class EcsProtectionService:
    """Protects the ECS task in which Penstock runs for as long as it has tries, so that no scale-in or deployment ends them.

    The protection is taken at the first look that finds a try, begun anew at half its time, and given up once there was none
    for a while. A try that has begun since the last look is not protected yet: one that is ended then is lost, and tried again.
    It runs out by itself if this service does not live to end it.

    Args:
        expires_min: For how many minutes it is asked each time.
        idle_s: So long after the last try that was seen it is given up.
        poll_s: Seconds between two looks.

    Raises:
        ValueError: An option cannot be right.
        penstock.errors.ProviderError: This is no container of ECS.
    """

    def __init__(self, *, expires_min: int = 60, idle_s: float = 60.0, poll_s: float = 5.0) -> None:
        if not 1 <= expires_min <= _LONGEST_PROTECTION_MIN:
            raise ValueError(f"expires_min is {expires_min}; a protection lasts 1 to {_LONGEST_PROTECTION_MIN} minutes")
        if idle_s < 0 or not 0 < poll_s <= expires_min * 15:
            raise ValueError(f"idle_s is {idle_s:g} and poll_s {poll_s:g}; give 0 or more, and a part of expires_min")
        self.expires_min, self.idle_s, self.poll_s = expires_min, idle_s, poll_s
        self._protection = TaskProtection()
        self._protected_at: float | None = None
        self._busy_at = 0.0

    def run(self, context: ServiceContext) -> None:
        """Look after every interval until told to stop; what ECS refuses is reported, and asked for again."""
        while not context.stopping:
            try:
                tries = context.running_tries()
                self._step(tries, time.monotonic())
            except PenstockError as error:
                context.report(str(error), healthy=False)
            else:
                kept = "protected" if self._protected_at is not None else "not protected"
                context.report(f"{kept}, {tries} tries")
            context.wait(self.poll_s)

    def _step(self, tries: int, now: float) -> None:
        if tries:
            self._busy_at = now
            if self._protected_at is None or now - self._protected_at >= self.expires_min * 30:
                self._protection.protect(self.expires_min)
                self._protected_at = now
        elif self._protected_at is not None and now - self._busy_at >= self.idle_s:
            self._protection.release()
            self._protected_at = None
