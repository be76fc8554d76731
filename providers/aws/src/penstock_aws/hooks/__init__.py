"""Hooks of AWS: the only room that imports its SDK, and that on first use."""

from penstock_aws.hooks.batch import BatchHook
from penstock_aws.hooks.ecs import EcsHook
from penstock_aws.hooks.functions import LambdaHook
from penstock_aws.hooks.kinesis import KinesisHook
from penstock_aws.hooks.logs import LogsHook
from penstock_aws.hooks.notices import CloudWatchHook, SnsHook
from penstock_aws.hooks.queues import SqsHook, SqsMessage
from penstock_aws.hooks.s3 import S3Hook, S3Object
from penstock_aws.hooks.secret_values import SecretsManagerHook, SsmHook
from penstock_aws.hooks.swf.hook import SwfHook

__all__ = [
    "BatchHook",
    "CloudWatchHook",
    "EcsHook",
    "KinesisHook",
    "LambdaHook",
    "LogsHook",
    "S3Hook",
    "S3Object",
    "SecretsManagerHook",
    "SnsHook",
    "SqsHook",
    "SqsMessage",
    "SsmHook",
    "SwfHook",
]
