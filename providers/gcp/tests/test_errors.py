"""Failures of the service as kinds."""

import json

import pytest

from penstock.errors import ProviderError
from penstock_gcp.errors import answer_error, provider_error


def words(reason, message="no"):
    return json.dumps({"error": {"message": message, "errors": [{"reason": reason}]}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, words("invalid"), "invalid"),
        (400, words("required"), "invalid"),
        (401, words("required"), "auth"),
        (401, words("authError"), "auth"),
        (403, words("forbidden"), "permission"),
        (403, words("rateLimitExceeded"), "throttled"),
        (403, words("quotaExceeded"), "quota_exhausted"),
        (403, words("retentionPolicyNotMet"), "invalid"),
        (404, words("notFound"), "not_found"),
        (404, b"No such object: clicks/a", "not_found"),
        (408, b"", "timeout"),
        (409, words("conflict"), "conflict"),
        (412, words("conditionNotMet"), "conflict"),
        (429, words("rateLimitExceeded"), "throttled"),
        (500, words("internalError"), "transient"),
        (503, b"<html>busy</html>", "transient"),
        (504, b"", "timeout"),
    ],
)
def test_the_kind_follows_reason_and_status(status, body, kind):
    assert answer_error(status, {}, body, operation="GetObject").kind.value == kind


def test_the_time_that_the_service_asks_for_is_kept():
    error = answer_error(429, {"retry-after": "7"}, words("rateLimitExceeded"), operation="InsertObject")

    assert error.retry_after_s == 7


def test_a_permission_that_is_missing_is_named():
    error = answer_error(403, {}, words("forbidden"), operation="ListObjects", conn_id="lake")

    assert "storage.objects.list" in str(error)
    assert "'lake'" in str(error)


def test_credentials_that_no_connection_names_are_those_of_the_process():
    error = answer_error(401, {}, words("authError"), operation="AccessSecretVersion")

    assert "Check the credentials of this process" in str(error)


def test_an_error_of_ours_stays_what_it_is():
    error = answer_error(404, {}, b"", operation="GetObject")

    assert provider_error(error, operation="ListObjects") is error
    assert isinstance(error, ProviderError)


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_is_repeated(gcs, hook, status):
    gcs.put("gs://clicks/a", "one")
    if status == 429:
        gcs.faults.too_many_requests(retry_after="0")
    else:
        gcs.faults.server_error(status=status)

    assert hook.head("gs://clicks/a").size == 3
