"""The hooks of the services beside S3 keep what every hook must keep.

All have one base, and nothing of their own in what the suite tests: one hook of each protocol of the SDK stands for them.
"""

import msgspec

from penstock.testing import HookSuite
from penstock_aws.hooks import BatchHook, EcsHook, SnsHook


class OfAws(HookSuite):
    """What the suites of all hooks share."""

    refuses_wrong_secrets = False  # the test server lets in everybody

    def impatient(self, connection):
        extra = {**connection.extra, "read_timeout_s": 0.2, "deadline_s": 1.0, "max_attempts": 1}
        return msgspec.structs.replace(connection, extra=extra)

    def moved(self, connection, host, port):
        return msgspec.structs.replace(connection, extra={**connection.extra, "endpoint_url": f"http://{host}:{port}"})


class TestEcsHook(OfAws):
    hook = EcsHook  # JSON


class TestBatchHook(OfAws):
    hook = BatchHook  # REST with JSON


class TestSnsHook(OfAws):
    hook = SnsHook  # a form, answered with XML
