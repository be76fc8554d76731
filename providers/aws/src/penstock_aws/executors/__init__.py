"""Executors: tries in containers of Amazon ECS and AWS Batch."""

from penstock_aws.executors.batch_executor import BatchExecutor
from penstock_aws.executors.ecs_executor import EcsExecutor

__all__ = ["BatchExecutor", "EcsExecutor"]
