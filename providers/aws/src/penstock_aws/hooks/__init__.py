"""Hooks of AWS: the only room that imports its SDK, and that on first use."""

from penstock_aws.hooks.s3 import S3Hook, S3Object

__all__ = ["S3Hook", "S3Object"]
