"""A provider's hook: fields, errors and the connection test in one frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

import pytest

from penstock import Connection
from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock.spec.fields import CallLimits
from penstock.spec.hooks.service_hook import Identity, ServiceHook


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class AcmeFields(CallLimits):
    """How Acme is reached."""

    PARTS: ClassVar[Mapping[str, str]] = {"token": "password", "host": "host"}
    SHOWN: ClassVar[tuple[str, ...]] = ("host",)

    host: str
    token: str


class AcmeHook(ServiceHook[AcmeFields]):
    """A client of a service that answers as the test says."""

    default_conn_id = "acme_default"
    fields_class = AcmeFields
    answers = ()

    @property
    def endpoint(self):
        return f"https://{self.fields.host}"

    def identify(self):
        return self.ask()

    def ask(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def provider_error(self, error, operation, what):
        kind = ErrorKind.TRANSIENT if isinstance(error, OSError) else ErrorKind.AUTH
        status, hint = getattr(error, "status", None), getattr(error, "hint", "")
        found = ProviderError(
            f"{what}: {error}", service="acme", operation=operation, kind=kind, http_status=status, hint=hint
        )
        return self.located(found, error)


def hook(*answers, **extra):
    made = AcmeHook(connection=Connection("acme", "acme", host="acme.test", password="hunter2", extra=extra))
    made.answers = list(answers)
    return made


def test_fields_are_read_from_the_parts_of_the_connection():
    assert (hook().fields.host, hook().fields.token, hook().fields.max_attempts) == ("acme.test", "hunter2", 5)
    assert repr(hook().fields) == "AcmeFields(host='acme.test')"


@pytest.mark.parametrize("name", CallLimits.POSITIVE)
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_limit_that_bounds_nothing_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"connection 'acme' \(acme\): {name} must be"):
        _ = hook(**{name: value}).fields


def test_an_error_of_the_sdk_becomes_ours_and_ours_stays():
    with pytest.raises(ProviderError, match="acme Send: box 1: no"), hook().errors("Send", "box 1"):
        raise ValueError("no")
    ours = ConfigError("wrong")
    with pytest.raises(ConfigError) as raised, hook().errors("Send"):
        raise ours
    assert raised.value is ours


class AnsweredError(OSError):
    status = 503


class HintedError(OSError):
    hint = "Wait for it"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("refused"), True),
        (ValueError("certificate verify failed"), True),
        (AnsweredError("busy"), False),
        (HintedError("busy"), False),
        (ValueError("bad token"), False),
    ],
)
def test_where_a_service_was_looked_for_is_told_if_it_gave_no_answer(error, told):
    with pytest.raises(ProviderError) as caught, hook().errors("Send"):
        raise error

    assert ("Check that https://acme.test is where the connection 'acme' should lead" in str(caught.value)) is told


def test_a_connection_that_nobody_made_is_not_named():
    made = AcmeHook(connection=Connection("", "acme", host="acme.test", password="hunter2"))
    with (
        pytest.raises(ProviderError, match=r"Check that https://acme\.test is the right place"),
        made.errors("Send"),
    ):
        raise OSError("refused")


def test_a_call_is_repeated_as_the_connection_says():
    made = hook(OSError("cut"), OSError("cut"), "answer", max_attempts=2)
    with pytest.raises(ProviderError, match="cut"):
        made.call("Get", made.ask, "box 1")

    assert made.answers == ["answer"]


@pytest.mark.parametrize(
    ("answer", "ok", "identity", "says"),
    [
        (Identity("ann"), True, "ann", "The service knows us as ann."),
        (Identity(""), True, "", "The service lets us in; it does not tell who we are."),
        (Identity("ann", "Hello ann."), True, "ann", "Hello ann."),
        (ValueError("bad token"), False, "", "acme TestConnection: : bad token"),
    ],
)
def test_the_connection_test_reports_and_never_raises(answer, ok, identity, says):
    report = hook(answer).test_connection()

    assert (report.ok, report.identity, report.endpoint, report.detail) == (ok, identity, "https://acme.test", says)
    assert report.latency_ms >= 0


def test_a_connection_without_its_parts_is_reported():
    made = AcmeHook(connection=Connection("acme", "acme"))

    report = made.test_connection()
    assert (report.ok, report.endpoint) == (False, "")
    assert "host is missing" in report.detail


@pytest.mark.parametrize("form", [format_datetime, lambda at: at])
@pytest.mark.parametrize(("off_s", "told"), [(300, True), (-300, True), (5, False)])
def test_a_clock_that_is_off_is_told(form, off_s, told):
    at = datetime.now(UTC) - timedelta(seconds=off_s)

    assert ("The clock here is" in hook(Identity("ann", date=form(at))).test_connection().detail) is told
