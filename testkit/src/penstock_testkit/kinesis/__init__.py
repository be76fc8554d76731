"""A stand-in of Kinesis Data Streams."""

from penstock_testkit.kinesis.kinesis_server import Kinesis

__all__ = ["Kinesis"]
