"""The client against the stand-in of the service."""

import pytest
from penstock.errors import ErrorKind, ProviderError
from penstock.testing import HookSuite

from penstock_sample.hooks import SampleHook


class TestSampleHook(HookSuite):
    hook = SampleHook

    def impatient(self, connection):
        from msgspec.structs import replace

        return replace(connection, extra={**connection.extra, "timeout_s": 0.2})


def test_an_item_is_written_found_listed_read_and_deleted(connection):
    hook = SampleHook(connection=connection)

    assert hook.write("a/1", b"one")
    assert not hook.write("a/1", b"two", if_absent=True)
    assert hook.read("a/1") == b"one"
    assert [each.name for each in hook.list("a/")] == ["a/1"]
    hook.delete("a/1")
    hook.delete("a/1")
    assert hook.find("a/1") is None


def test_a_missing_item_is_no_reason_to_try_again(connection):
    with pytest.raises(ProviderError) as raised:
        SampleHook(connection=connection).read("nothing")

    assert raised.value.kind is ErrorKind.NOT_FOUND
    assert not raised.value.retryable
