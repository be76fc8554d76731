"""Sensors of AWS."""

from penstock_aws.sensors.keys import S3KeySensor, S3KeysUnchangedSensor, S3PrefixSensor
from penstock_aws.sensors.messages import SqsSensor

__all__ = ["S3KeySensor", "S3KeysUnchangedSensor", "S3PrefixSensor", "SqsSensor"]
