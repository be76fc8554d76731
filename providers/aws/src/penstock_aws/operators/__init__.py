"""Operators of AWS."""

from penstock_aws.operators.batch_job import BatchOperator
from penstock_aws.operators.ecs_task import EcsRunTaskOperator
from penstock_aws.operators.invocation import LambdaInvokeFunctionOperator
from penstock_aws.operators.object_transform import S3FileTransformOperator
from penstock_aws.operators.objects import (
    S3CopyObjectOperator,
    S3CreateBucketOperator,
    S3CreateObjectOperator,
    S3DeleteBucketOperator,
    S3DeleteObjectsOperator,
    S3ListOperator,
)
from penstock_aws.operators.queue_message import SqsPublishOperator
from penstock_aws.operators.workflow import SwfWorkflowOperator

__all__ = [
    "BatchOperator",
    "EcsRunTaskOperator",
    "LambdaInvokeFunctionOperator",
    "S3CopyObjectOperator",
    "S3CreateBucketOperator",
    "S3CreateObjectOperator",
    "S3DeleteBucketOperator",
    "S3DeleteObjectsOperator",
    "S3FileTransformOperator",
    "S3ListOperator",
    "SqsPublishOperator",
    "SwfWorkflowOperator",
]
