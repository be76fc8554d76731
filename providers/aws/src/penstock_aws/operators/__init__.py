"""Operators of AWS."""

from penstock_aws.operators.batch import BatchOperator
from penstock_aws.operators.ecs import EcsRunTaskOperator
from penstock_aws.operators.functions import LambdaInvokeFunctionOperator
from penstock_aws.operators.s3 import (
    S3CopyObjectOperator,
    S3CreateBucketOperator,
    S3CreateObjectOperator,
    S3DeleteBucketOperator,
    S3DeleteObjectsOperator,
    S3ListOperator,
)

__all__ = [
    "BatchOperator",
    "EcsRunTaskOperator",
    "LambdaInvokeFunctionOperator",
    "S3CopyObjectOperator",
    "S3CreateBucketOperator",
    "S3CreateObjectOperator",
    "S3DeleteBucketOperator",
    "S3DeleteObjectsOperator",
    "S3ListOperator",
]
