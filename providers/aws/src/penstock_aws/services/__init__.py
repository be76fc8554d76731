"""Services: parts of this provider that run beside the scheduler."""

from penstock_aws.services.activity_worker import SwfActivityService
from penstock_aws.services.decider import SwfDeciderService
from penstock_aws.services.kinesis_batch import KinesisBatchService
from penstock_aws.services.protection import EcsProtectionService

__all__ = ["EcsProtectionService", "KinesisBatchService", "SwfActivityService", "SwfDeciderService"]
