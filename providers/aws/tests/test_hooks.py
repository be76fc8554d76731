"""The hooks of the services beside S3 keep what every hook must keep."""

import msgspec

from penstock.testing import HookSuite
from penstock_aws.hooks import (
    BatchHook,
    CloudWatchHook,
    EcsHook,
    LambdaHook,
    LogsHook,
    SecretsManagerHook,
    SnsHook,
    SsmHook,
)


class OfAws(HookSuite):
    """What the suites of all hooks share."""

    refuses_wrong_secrets = False  # the test server lets in everybody

    def impatient(self, connection):
        extra = {**connection.extra, "read_timeout_s": 0.2, "deadline_s": 1.0, "max_attempts": 1}
        return msgspec.structs.replace(connection, extra=extra)

    def moved(self, connection, host, port):
        return msgspec.structs.replace(connection, extra={**connection.extra, "endpoint_url": f"http://{host}:{port}"})


class TestSecretsManagerHook(OfAws):
    hook = SecretsManagerHook


class TestSsmHook(OfAws):
    hook = SsmHook


class TestSnsHook(OfAws):
    hook = SnsHook


class TestCloudWatchHook(OfAws):
    hook = CloudWatchHook


class TestEcsHook(OfAws):
    hook = EcsHook


class TestBatchHook(OfAws):
    hook = BatchHook


class TestLambdaHook(OfAws):
    hook = LambdaHook


class TestLogsHook(OfAws):
    hook = LogsHook
