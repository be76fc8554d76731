"""The hook, the operators and the sensors keep what all of their kind must keep."""

import msgspec
import pytest

from penstock.testing import HookSuite, OperatorSuite, SensorSuite
from penstock_aws.hooks import S3Hook
from penstock_aws.operators import (
    S3CopyObjectOperator,
    S3CreateBucketOperator,
    S3CreateObjectOperator,
    S3DeleteBucketOperator,
    S3DeleteObjectsOperator,
    S3ListOperator,
)
from penstock_aws.sensors import S3KeySensor, S3KeysUnchangedSensor, S3PrefixSensor


class TestS3Hook(HookSuite):
    hook = S3Hook
    refuses_wrong_secrets = False  # the test server lets in everybody

    def impatient(self, connection):
        return _with(connection, read_timeout_s=0.2, deadline_s=1.0, max_attempts=1)

    def moved(self, connection, host, port):
        return _with(connection, endpoint_url=f"http://{host}:{port}")


def _with(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


class WithConnection:
    """What the suites of all tasks share."""

    @pytest.fixture
    def connections(self, connection):
        return {"aws_default": connection}


class TestS3CopyObjectOperator(WithConnection, OperatorSuite):
    operator = S3CopyObjectOperator

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/a", "one")
        return {"source": f"s3://{bucket}/a", "destination": f"s3://{bucket}/b"}


class TestS3KeySensor(WithConnection, SensorSuite):
    operator = S3KeySensor

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/a", "one")
        return {"bucket_key": f"s3://{bucket}/a"}

    @pytest.fixture
    def waiting(self, bucket):
        return {"bucket_key": f"s3://{bucket}/nothing"}


class TestS3CreateBucketOperator(WithConnection, OperatorSuite):
    operator = S3CreateBucketOperator

    @pytest.fixture
    def arguments(self):
        return {"bucket_name": "a-bucket-of-the-suite"}


class TestS3DeleteBucketOperator(WithConnection, OperatorSuite):
    operator = S3DeleteBucketOperator

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/a", "one")
        return {"bucket_name": bucket, "force_delete": True}


class TestS3DeleteObjectsOperator(WithConnection, OperatorSuite):
    operator = S3DeleteObjectsOperator

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/in/a", "one")
        return {"prefix": f"s3://{bucket}/in/"}


class TestS3ListOperator(WithConnection, OperatorSuite):
    operator = S3ListOperator

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/in/a", "one")
        return {"bucket": bucket, "prefix": "in/"}


class TestS3CreateObjectOperator(WithConnection, OperatorSuite):
    operator = S3CreateObjectOperator

    @pytest.fixture
    def arguments(self, bucket):
        return {"s3_key": f"s3://{bucket}/a", "data": "one"}


class TestS3PrefixSensor(WithConnection, SensorSuite):
    operator = S3PrefixSensor

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/in/a", "one")
        return {"prefix": f"s3://{bucket}/in/"}

    @pytest.fixture
    def waiting(self, bucket):
        return {"prefix": f"s3://{bucket}/nothing/"}


class TestS3KeysUnchangedSensor(WithConnection, SensorSuite):
    operator = S3KeysUnchangedSensor

    @pytest.fixture
    def arguments(self, s3, bucket):
        s3.put(f"s3://{bucket}/in/a", "one")
        return {"prefix": f"s3://{bucket}/in/", "inactivity_period": 0.0}

    @pytest.fixture
    def waiting(self, bucket):
        return {"prefix": f"s3://{bucket}/nothing/"}
