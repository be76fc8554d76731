"""The hook, the operators and the sensors keep what all of their kind must keep."""

import sys

import msgspec
import pytest

from penstock.testing import HookSuite, OperatorSuite, SensorSuite
from penstock_gcp.hooks import GCSHook
from penstock_gcp.operators import (
    GCSCreateBucketOperator,
    GCSDeleteBucketOperator,
    GCSDeleteObjectsOperator,
    GCSListObjectsOperator,
    GCSSynchronizeBucketsOperator,
    GCSToGCSOperator,
)
from penstock_gcp.sensors import (
    GCSObjectExistenceSensor,
    GCSObjectsWithPrefixExistenceSensor,
    GCSObjectUpdateSensor,
    GCSUploadSessionCompleteSensor,
)
from penstock_gcp.transfers import (
    GCSFileTransformOperator,
    GCSToLocalFilesystemOperator,
    LocalFilesystemToGCSOperator,
)


class TestGCSHook(HookSuite):
    hook = GCSHook

    def impatient(self, connection):
        return _with(connection, read_timeout_s=0.2, deadline_s=1.0, max_attempts=1)

    def moved(self, connection, host, port):
        return _with(connection, endpoint_url=f"http://{host}:{port}")


def _with(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


class WithConnection:
    """What the suites of all tasks share: a connection, and one object."""

    @pytest.fixture
    def connections(self, connection, gcs):
        gcs.put("gs://clicks/in/a", "one")
        return {"gcp_default": connection}


class TestGCSCreateBucketOperator(WithConnection, OperatorSuite):
    operator = GCSCreateBucketOperator

    @pytest.fixture
    def arguments(self):
        return {"bucket": "a-bucket-of-the-suite", "location": "EU", "storage_class": "NEARLINE"}


class TestGCSDeleteBucketOperator(WithConnection, OperatorSuite):
    operator = GCSDeleteBucketOperator

    @pytest.fixture
    def arguments(self):
        return {"bucket": "clicks", "force": True}


class TestGCSListObjectsOperator(WithConnection, OperatorSuite):
    operator = GCSListObjectsOperator

    @pytest.fixture
    def arguments(self):
        return {"bucket": "clicks", "prefix": "in/"}


class TestGCSDeleteObjectsOperator(WithConnection, OperatorSuite):
    operator = GCSDeleteObjectsOperator

    @pytest.fixture
    def arguments(self):
        return {"prefix": "gs://clicks/in/"}


class TestGCSToGCSOperator(WithConnection, OperatorSuite):
    operator = GCSToGCSOperator

    @pytest.fixture
    def arguments(self):
        return {"source": "gs://clicks/in/a", "destination": "gs://clicks/out/a", "move_object": True}


class TestGCSSynchronizeBucketsOperator(WithConnection, OperatorSuite):
    operator = GCSSynchronizeBucketsOperator

    @pytest.fixture
    def arguments(self):
        return {"source": "gs://clicks/in/", "destination": "gs://clicks/out/"}


class TestLocalFilesystemToGCSOperator(WithConnection, OperatorSuite):
    operator = LocalFilesystemToGCSOperator

    @pytest.fixture
    def arguments(self, tmp_path):
        (tmp_path / "a").write_text("one")
        return {"source": str(tmp_path / "a"), "destination": "gs://clicks/in/b"}


class TestGCSToLocalFilesystemOperator(WithConnection, OperatorSuite):
    operator = GCSToLocalFilesystemOperator

    @pytest.fixture
    def arguments(self, tmp_path):
        return {"source": "gs://clicks/in/a", "destination": str(tmp_path / "folder" / "a")}


class TestGCSFileTransformOperator(WithConnection, OperatorSuite):
    operator = GCSFileTransformOperator

    @pytest.fixture
    def arguments(self):
        return {"source": "gs://clicks/in/a", "destination": "gs://clicks/out/a", "transform_script": ["cp"]}


class TestGCSObjectExistenceSensor(WithConnection, SensorSuite):
    operator = GCSObjectExistenceSensor

    @pytest.fixture
    def arguments(self):
        return {"object_name": "gs://clicks/in/a"}

    @pytest.fixture
    def waiting(self):
        return {"object_name": "gs://clicks/nothing"}


class TestGCSObjectsWithPrefixExistenceSensor(WithConnection, SensorSuite):
    operator = GCSObjectsWithPrefixExistenceSensor

    @pytest.fixture
    def arguments(self):
        return {"prefix": "gs://clicks/in/"}

    @pytest.fixture
    def waiting(self):
        return {"prefix": "gs://clicks/nothing/"}


class TestGCSObjectUpdateSensor(WithConnection, SensorSuite):
    operator = GCSObjectUpdateSensor

    @pytest.fixture
    def arguments(self):
        return {"object_name": "gs://clicks/in/a", "after_generation": 1}

    @pytest.fixture
    def waiting(self):
        return {"object_name": "gs://clicks/in/a", "after_generation": sys.maxsize}


class TestGCSUploadSessionCompleteSensor(WithConnection, SensorSuite):
    operator = GCSUploadSessionCompleteSensor

    @pytest.fixture
    def arguments(self):
        return {"prefix": "gs://clicks/in/", "inactivity_period": 0.0}

    @pytest.fixture
    def waiting(self):
        return {"prefix": "gs://clicks/nothing/"}
