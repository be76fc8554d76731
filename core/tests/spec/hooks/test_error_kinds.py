"""A failure of HTTP has the same kind for every service."""

import socket
from http.client import RemoteDisconnected
from urllib.error import URLError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ErrorKind
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, kinds_by_name, retry_after_s

DATE = "Thu, 26 Nov 2026 12:00:00 GMT"


class VendorError(Exception):
    """What an SDK raises."""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.INVALID),
        (401, ErrorKind.AUTH),
        (403, ErrorKind.PERMISSION),
        (404, ErrorKind.NOT_FOUND),
        (408, ErrorKind.TIMEOUT),
        (409, ErrorKind.CONFLICT),
        (412, ErrorKind.CONFLICT),
        (422, ErrorKind.INVALID),
        (429, ErrorKind.THROTTLED),
        (500, ErrorKind.TRANSIENT),
        (501, ErrorKind.INVALID),
        (503, ErrorKind.TRANSIENT),
        (504, ErrorKind.TIMEOUT),
        (599, ErrorKind.TRANSIENT),
    ],
)
def test_a_status_has_a_kind(status, kind):
    assert kind_of_status(status) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("read timed out"), ErrorKind.TIMEOUT),
        (ConnectionResetError(), ErrorKind.TRANSIENT),
        (RemoteDisconnected("gone"), ErrorKind.TRANSIENT),
        (URLError("refused"), ErrorKind.TRANSIENT),
        (socket.gaierror(-2, "Name or service not known"), ErrorKind.TRANSIENT),
        (OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), ErrorKind.INVALID),
        (VendorError(), ErrorKind.AUTH),
        (KeyError("x"), ErrorKind.INVALID),
    ],
)
def test_an_exception_has_the_kind_of_its_nearest_class(error, kind):
    assert kind_of_exception(error, kinds_by_name({ErrorKind.AUTH: ("VendorError",)})) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 0 ", 0.0),
        ("-5", 0.0),
        ("Thu, 26 Nov 2026 12:01:00 GMT", 60.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after_s(header, DATE) == seconds


@given(st.text(max_size=40))
def test_no_header_is_an_error(header):
    found = retry_after_s(header, DATE)

    assert found is None or 0 <= found < float("inf")
