"""A stand-in of Kinesis Data Streams."""

from penstock_testkit.kinesis.server import Kinesis

__all__ = ["Kinesis"]
