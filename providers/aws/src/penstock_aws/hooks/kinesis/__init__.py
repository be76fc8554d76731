"""Kinesis streams: the client, and the micro-batcher that stores a stream's events as files of S3."""

from penstock_aws.hooks.kinesis.batcher import Batcher, BatchSettings, Progress
from penstock_aws.hooks.kinesis.stream import KinesisHook

__all__ = ["BatchSettings", "Batcher", "KinesisHook", "Progress"]
