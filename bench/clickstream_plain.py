"""The floor of the clickstream bench: one plain loop that does the same work, and remembers nothing of it.

It reads the stream, drops repetitions, stores each event's hour as one file, copies it into its table and into the mirror. It has no
states, no retries, no ledger, no marker and no alert, and what it has done when it is killed nobody knows.
"""

import gzip
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships no types
import psycopg
from clickstream_load import FIRST, HOUR_S, STREAM
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[attr-defined]  # it ships no types


def work(
    endpoint_url: str, keys: Mapping[str, str], warehouse: str, mirror: str, hours: int
) -> tuple[int, float, float]:
    """Load some hours of the stream once more, into tables beside the others.

    Args:
        endpoint_url: Of the stream and of S3.
        keys: How boto3 shall sign.
        warehouse: URL of the warehouse, in which the schema ``plain`` has the tables.
        mirror: The bucket of the mirror.
        hours: How many hours from the first one on.

    Returns:
        How many rows, seconds, and processor seconds.
    """
    kinesis = boto3.client("kinesis", endpoint_url=endpoint_url, **keys)
    s3 = boto3.client("s3", endpoint_url=endpoint_url, **keys)
    client = storage.Client("plain", AnonymousCredentials())
    bucket, rows = client.bucket(mirror), 0
    with psycopg.connect(warehouse, autocommit=True) as connection:
        start, processor = time.perf_counter(), time.process_time()
        for (name, hour), lines in _read(kinesis, hours).items():
            key, body = f"plain/{name}/{hour}.jsonl.gz", gzip.compress(b"\n".join(lines))
            s3.put_object(Bucket="clickstream", Key=key, Body=body)
            table = name.lower().replace(".", "_")
            connection.execute(
                f"COPY plain.\"{table}\" FROM 's3://clickstream/{key}' IAM_ROLE default "  # type: ignore[arg-type]
                "FORMAT JSON 'auto' GZIP TIMEFORMAT 'auto'"
            )
            bucket.blob(key).upload_from_string(s3.get_object(Bucket="clickstream", Key=key)["Body"].read())
            rows += len(lines)
        spent = time.perf_counter() - start, time.process_time() - processor
    for each in (kinesis, s3, client):
        each.close()
    return rows, *spent


def _read(kinesis: Any, hours: int) -> dict[tuple[str, int], list[bytes]]:  # noqa: ANN401 - a boto3 client has no type
    """The events of the first hours by name and hour, each once."""
    found: dict[tuple[str, int], list[bytes]] = defaultdict(list)
    seen: set[str] = set()
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        at = {"StreamName": STREAM, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator, behind = kinesis.get_shard_iterator(**at)["ShardIterator"], 1
        while behind:
            answer = kinesis.get_records(ShardIterator=iterator)
            iterator, behind = answer["NextShardIterator"], answer["MillisBehindLatest"]
            for record in answer["Records"]:
                event = json.loads(record["Data"])
                hour = int((event["at"] - FIRST.timestamp()) // HOUR_S)
                if hour >= hours:
                    behind = 0
                elif event["id"] not in seen:
                    seen.add(event["id"])
                    found[event["event"], hour].append(record["Data"])
    return found


def lines_of(content: bytes) -> int:
    """How many events a stored file has."""
    return len(gzip.decompress(content).splitlines())
