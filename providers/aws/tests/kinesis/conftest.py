"""A stream, a destination, and batchers between them whose clock stands still unless a test moves it."""

import gzip
import json

import pytest

from penstock_aws.hooks import S3Hook
from penstock_aws.hooks.kinesis import Batcher, BatchSettings, KinesisHook

NINE = 1_772_355_600.0  # 2026-03-01 09:00 UTC


class Clock:
    """Seconds that pass when a batcher pauses."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def pause(self, seconds):
        """Let them pass; do not stop."""
        self.now += seconds
        return False


class Pipeline:
    """A stream of the stand-in, its destination, and what tests ask of both."""

    def __init__(self, s3, bucket, connection):
        self.s3, self.fake, self.bucket, self.connection = s3, s3.kinesis, bucket, connection
        self.hook, self.clock, self.time = KinesisHook(connection=connection), Clock(), NINE
        self.fake.now = lambda: self.time
        self.url = f"s3://{bucket}/clicks"

    def create(self, shards=1):
        """Create the stream."""
        self.hook.client.create_stream(StreamName="clicks", ShardCount=shards)

    def put(self, ids, *, event="click", **more):
        """Put events, an id each; the partition key is the id."""
        self.put_raw(*(json.dumps({"event": event, "id": each, **more}).encode() for each in ids))

    def put_raw(self, *contents):
        """Put records with these contents."""
        self.hook.put_records("clicks", [(content.decode("latin-1")[:200], content) for content in contents])

    def split(self, number, at):
        """Split a shard."""
        self.hook.client.split_shard(StreamName="clicks", ShardToSplit=shard(number), NewStartingHashKey=str(at))

    def merge(self, one, other):
        """Merge two shards."""
        self.hook.client.merge_shards(StreamName="clicks", ShardToMerge=shard(one), AdjacentShardToMerge=shard(other))

    def batcher(self, **options):
        """A batcher; with small batches, unless told otherwise."""
        given = {"event_field": "event", "id_field": "id", "max_records": 10, "lease_s": 30.0, "poll_s": 1.0, **options}
        settings = BatchSettings(stream="clicks", s3_url=self.url, **given)
        return Batcher(settings, kinesis=self.hook, s3=S3Hook(connection=self.connection), clock=self.clock)

    def run(self, **options):
        """Have a batcher store all that is there; returns its progress."""
        return self.batcher(**options).run(pause=self.clock.pause, until_caught_up=True)

    def keys(self, folder=""):
        """Keys below a folder of the destination, without it."""
        return [key.removeprefix("clicks/") for key in self.s3.keys(f"{self.url}/{folder}")]

    def lines(self, folder="event="):
        """What the files of a folder hold, in the order of keys."""
        files = [gzip.decompress(self.s3.get(f"{self.url}/{key}")) for key in self.keys(folder)]
        return [json.loads(line) for content in files for line in content.splitlines()]

    def ids(self, folder="event="):
        """Ids of the events that are stored, sorted; with repetitions, if there are any."""
        return sorted(line["id"] for line in self.lines(folder))

    def state(self, number=0):
        """What is known of a shard."""
        return json.loads(self.s3.get(f"{self.url}/_state/shards/{shard(number)}.json"))


def shard(number):
    """A shard's id."""
    return f"shardId-{number:012d}"


@pytest.fixture
def pipeline(s3, bucket, connection):
    """A stream that is to be created, and a destination."""
    return Pipeline(s3, bucket, connection)
