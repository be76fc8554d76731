"""Operators that carry data from a service of AWS to S3."""

import math
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar, Literal

from penstock import Operator
from penstock_aws.hooks.kinesis import Batcher, BatchSettings, Progress


class KinesisToS3Operator(Operator):
    """Stores the events of a Kinesis stream as files, each record once, until all is stored that is there, or for some time.

    Where it ends, the next run goes on. What is stored stands below ``s3_url``, which has to be the stream's alone:

    - ``event=NAME/dt=YYYY-MM-DD/hour=HH/SHARD-FIRST-LAST.jsonl.gz``, the events of an hour;
    - ``_hours/dt=.../hour=HH/event=NAME.manifest`` for COPY, and ``_SUCCESS`` once all events of the hour are stored;
    - ``_hours/dt=.../hour=HH/_REOPENED/``, which names parts that came later;
    - ``_dead/``, records that hold no event, each with the reason; ``_state/``, what batchers know.

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
        run_for_s: How long it works; until all is stored that is there when it looks, unless given.
        aws_conn_id: The connection, for the stream and the folder.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("stream", "s3_url")

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
        run_for_s: float | None = None,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.stream, self.s3_url, self.run_for_s, self.aws_conn_id = stream, s3_url, run_for_s, aws_conn_id
        # the two may be templates still: what they become is looked at when it is known
        self.settings = BatchSettings(
            stream="stream", s3_url="s3://bucket", event_field=event_field, id_field=id_field, time_field=time_field,
            window=window, lateness_s=lateness_s, accepted_age_s=accepted_age_s, max_records=max_records,
            max_bytes=max_bytes, max_seconds=max_seconds, start=start, lease_s=lease_s, poll_s=poll_s,
            max_shards=max_shards,
        )  # fmt: skip
        self._killed = threading.Event()

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - the spec's signature
        """Store them; returns the counts of what this try has stored, the hours it has closed, and each shard's lag in seconds."""
        settings = replace(self.settings, stream=self.stream, s3_url=self.s3_url)
        found = Batcher(settings, self.aws_conn_id).run(
            pause=self._killed.wait,
            until_caught_up=self.run_for_s is None,
            run_for_s=math.inf if self.run_for_s is None else self.run_for_s,
        )
        self._log_counts(found)
        lag = {shard: seconds for shard, seconds in found.lag_s.items() if math.isfinite(seconds)}
        return {**asdict(found.totals), "hours": found.hours, "lag_s": lag}

    def _log_counts(self, found: Progress) -> None:
        self.log.info("%s: %s", self.s3_url, found)
        totals = found.totals
        if totals.dead:
            where = f"{totals.dead} records hold no event; each is in {self.s3_url.rstrip('/')}/_dead/ with its reason"
            rules = self.settings.rules
            fields = [name for name in (rules.event_field, rules.id_field, rules.time_field) if name]
            none = not totals.events and not totals.duplicates
            wanted = f". There was no other: looked for were the fields {', '.join(fields)}" if none and fields else ""
            self.log.warning("%s%s", where, wanted)

    def on_kill(self) -> None:
        """Let the round that runs be the last; what it has read and not stored is read again."""
        self._killed.set()
