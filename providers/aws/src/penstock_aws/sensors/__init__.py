"""Sensors of AWS."""

from penstock_aws.sensors.keys import S3KeySensor, S3KeysUnchangedSensor, S3PrefixSensor

__all__ = ["S3KeySensor", "S3KeysUnchangedSensor", "S3PrefixSensor"]
