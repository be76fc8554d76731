"""The stand-in of Kinesis does what the service's pages say, asked by the official client."""

import pytest
from botocore.exceptions import ClientError

from penstock_testkit.kinesis.stream_clock import StreamClock
from penstock_testkit.s3 import S3Server

PARENT = "shardId-000000000000"


@pytest.fixture
def client(s3: S3Server):
    """A client, and a stream with one shard."""
    made = s3.client("kinesis")
    made.create_stream(StreamName="s", ShardCount=1)
    yield made
    made.close()


def read(client, shard, kind="TRIM_HORIZON", **place):
    iterator = client.get_shard_iterator(StreamName="s", ShardId=shard, ShardIteratorType=kind, **place)
    return client.get_records(ShardIterator=iterator["ShardIterator"])


def test_records_are_read_from_each_kind_of_place(s3: S3Server, client):
    s3.kinesis.now = lambda: 100.0
    numbers = [client.put_record(StreamName="s", PartitionKey="k", Data=b"1")["SequenceNumber"]]
    s3.kinesis.now = lambda: 200.0
    numbers.append(client.put_record(StreamName="s", PartitionKey="k", Data=b"2")["SequenceNumber"])

    def found(kind, **place):
        return [each["Data"] for each in read(client, PARENT, kind, **place)["Records"]]

    assert found("TRIM_HORIZON") == [b"1", b"2"]
    assert found("LATEST") == []
    assert found("AT_TIMESTAMP", Timestamp=150) == [b"2"]
    assert found("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[0]) == [b"1", b"2"]
    assert found("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[0]) == [b"2"]


def test_a_closed_shard_keeps_its_records_and_ends_and_its_children_have_the_later_ones(client):
    client.put_record(StreamName="s", PartitionKey="k", Data=b"before")
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=str(2**127))
    client.put_record(StreamName="s", PartitionKey="k", Data=b"after")

    answer = read(client, PARENT)

    assert [each["Data"] for each in answer["Records"]] == [b"before"]
    assert "NextShardIterator" not in answer
    children = [each["ShardId"] for each in answer["ChildShards"]]
    assert [each["Data"] for child in children for each in read(client, child)["Records"]] == [b"after"]
    client.merge_shards(StreamName="s", ShardToMerge=children[1], AdjacentShardToMerge=children[0])
    merged = client.list_shards(StreamName="s")["Shards"][-1]
    assert {merged["ParentShardId"], merged["AdjacentParentShardId"]} == set(children)


def test_a_reader_is_told_how_far_it_is_behind(s3: S3Server, client):
    s3.kinesis.now, s3.kinesis.most = lambda: 100.0, 1
    for _ in range(2):
        client.put_record(StreamName="s", PartitionKey="k", Data=b"1")
    s3.kinesis.now = lambda: 107.0

    first = read(client, PARENT)
    second = client.get_records(ShardIterator=first["NextShardIterator"])

    assert [each["MillisBehindLatest"] for each in (first, second)] == [7000, 0]


def test_single_records_are_refused_as_a_test_wants_it(s3: S3Server, client):
    s3.kinesis.refusals["PutRecords"] = ["", "InternalFailure"]
    records = [{"PartitionKey": "k", "Data": b"1"}, {"PartitionKey": "k", "Data": b"2"}]

    answer = client.put_records(StreamName="s", Records=records)

    assert answer["FailedRecordCount"] == 1
    assert answer["Records"][1]["ErrorCode"] == "InternalFailure"
    assert len(read(client, PARENT)["Records"]) == 1


def test_a_shard_list_comes_in_pages(s3: S3Server, client):
    client.create_stream(StreamName="wide", ShardCount=5)
    s3.kinesis.page = 2

    first = client.list_shards(StreamName="wide")

    assert (len(first["Shards"]), len(client.list_shards(NextToken=first["NextToken"])["Shards"])) == (2, 2)
    with pytest.raises(ClientError, match="cannot be provided together"):
        client.list_shards(StreamName="wide", NextToken=first["NextToken"])


def test_what_it_does_not_cover_is_refused_and_other_services_are_answered(s3: S3Server, client):
    with pytest.raises(ClientError, match="DescribeStream is not covered"):
        client.describe_stream(StreamName="s")
    with pytest.raises(ClientError, match="MaxResults are not covered"):
        client.list_shards(StreamName="s", MaxResults=1)
    assert s3.kinesis.calls == ["CreateStream", "DescribeStream", "ListShards"]
    sts = s3.client("sts")
    assert sts.get_caller_identity()["Arn"]
    sts.close()


def test_the_time_of_the_stand_in_stands_still_or_runs_at_a_speed_of_its_own():
    still, fast = StreamClock(100.0), StreamClock(100.0, speed=1e6)
    fast()

    assert (still(), still()) == (100.0, 100.0)
    assert fast() > 100.0
