"""The hook, the operators and the sensors keep what all of their kind must keep."""

import msgspec
import pytest

from penstock.testing import HookSuite, OperatorSuite, SensorSuite
from penstock_aws.hooks import S3Hook
from penstock_aws.operators import S3CopyObjectOperator
from penstock_aws.sensors import S3KeySensor


class TestS3Hook(HookSuite):
    hook = S3Hook
    refuses_wrong_secrets = False  # the test server lets in everybody

    def impatient(self, connection):
        return _with(connection, read_timeout_s=0.2, deadline_s=1.0, max_attempts=1)

    def moved(self, connection, host, port):
        return _with(connection, endpoint_url=f"http://{host}:{port}")


def _with(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


class TestS3CopyObjectOperator(OperatorSuite):
    operator = S3CopyObjectOperator

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/a", "one")
        return {"source": f"s3://{bucket}/a", "destination": f"s3://{bucket}/b"}

    @pytest.fixture
    def connections(self, connection):
        return {"aws_default": connection}


class TestS3KeySensor(SensorSuite):
    operator = S3KeySensor

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/a", "one")
        return {"bucket_key": f"s3://{bucket}/a"}

    @pytest.fixture
    def waiting(self, bucket):
        return {"bucket_key": f"s3://{bucket}/nothing"}

    @pytest.fixture
    def connections(self, connection):
        return {"aws_default": connection}
