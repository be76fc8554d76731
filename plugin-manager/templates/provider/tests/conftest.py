"""What tests use: a stand-in of the service, and a connection to it."""

import pytest
from penstock import Connection

from fake_service import FakeService


@pytest.fixture(scope="session")
def running_service():
    """One stand-in for all tests."""
    with FakeService() as service:
        yield service


@pytest.fixture
def service(running_service):
    """The stand-in, empty."""
    running_service.items.clear()
    return running_service


@pytest.fixture
def connection(service):
    """A connection to the stand-in."""
    extra = {"tls": False, "timeout_s": 30.0}
    return Connection(
        "sample_default",
        "sample",
        host="127.0.0.1",
        port=service.port,
        password=service.token,
        extra=extra,
    )
