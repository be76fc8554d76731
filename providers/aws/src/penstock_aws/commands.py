"""Commands of the command line: ``penstock aws ...``."""

import threading

from penstock_aws.hooks.kinesis import Batcher, BatchSettings, Progress


def kinesis_batch(  # noqa: PLR0913 - the options of a command
    *,
    stream: str,
    s3_url: str,
    event_field: str = "",
    id_field: str = "",
    time_field: str = "",
    max_seconds: float = 60.0,
    poll_s: float = 1.0,
    until_caught_up: bool = False,
    aws_conn_id: str = "aws_default",
) -> None:
    """Store the events of a Kinesis stream as files of S3, and print counts and lag whenever they have changed.

    Args:
        stream: Name or ARN of the stream.
        s3_url: URL of the folder.
        event_field: The event's field that holds its name.
        id_field: The field with an id by which repetitions are dropped.
        time_field: The field with the event's own time.
        max_seconds: A batch is stored so long after its first record was read.
        poll_s: Seconds between two questions to a shard.
        until_caught_up: Whether to end once all is stored that is there; for ever if not.
        aws_conn_id: The connection.
    """
    settings = BatchSettings(
        stream=stream, s3_url=s3_url, event_field=event_field, id_field=id_field, time_field=time_field,
        max_seconds=max_seconds, poll_s=poll_s,
    )  # fmt: skip
    printed = ""

    def report(progress: Progress) -> None:
        nonlocal printed
        if str(progress) != printed:
            printed = str(progress)
            print(printed, flush=True)  # noqa: T201 - what the command is for

    found = Batcher(settings, aws_conn_id).run(
        pause=threading.Event().wait, report=report, until_caught_up=until_caught_up
    )
    report(found)
