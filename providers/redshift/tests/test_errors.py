"""An error's kind follows its cause: what passes by itself is tried again, and what does not is not."""

import psycopg
import pytest
from botocore import exceptions as sdk

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.errors import provider_error


def of_server(sqlstate, text, detail=""):
    """An error of the server as the driver raises it."""

    class Diagnostics:
        """What the server told."""

        message_primary, message_detail = text, detail

    class RaisedError(psycopg.errors.lookup(sqlstate) if sqlstate != "XX000" else psycopg.errors.InternalError_):
        """One with these facts."""

        diag = Diagnostics()

    return RaisedError(text)


def of_api(code, operation="GetClusterCredentials"):
    """A refusal of an API as the SDK raises it."""
    return sdk.ClientError({"Error": {"Code": code, "Message": "No."}}, operation)


T, K, A, P, N, I, O = (  # noqa: E741 - columns of a table
    ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.AUTH, ErrorKind.PERMISSION, ErrorKind.NOT_FOUND, ErrorKind.INVALID,
    ErrorKind.TIMEOUT,
)  # fmt: skip
S3 = "S3ServiceException:No.,Status {},Error {}"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (of_server("XX000", "1023", "Serializable isolation violation on table - 1"), T),
        (of_server("XX000", "1018", "Relation does not exist."), T),
        (of_server("XX000", "Load into table 't' failed", "error: 1023 rows"), I),
        (of_server("40001", "could not serialize access"), T),
        (of_server("40P01", "deadlock detected"), T),
        (of_server("55P03", "could not obtain lock"), T),
        (of_server("55006", "database is being accessed by other users"), T),
        (of_server("57P01", "terminating connection"), T),
        (of_server("58030", "could not read block"), T),
        (of_server("53300", "too many connections"), K),
        (of_server("57014", "canceling statement due to statement timeout"), O),
        (of_server("42501", "permission denied for relation t"), P),
        (of_server("42P01", "relation t does not exist"), N),
        (of_server("22001", "value too long"), I),
        (of_server("XX000", "This type of correlated subquery pattern is not supported due to internal error"), I),
        (of_server("XX000", "S3ServiceException", S3.format(503, "SlowDown")), K),
        (of_server("XX000", "S3ServiceException", S3.format(500, "InternalError")), T),
        (of_server("XX000", "S3ServiceException", S3.format(403, "AccessDenied")), P),
        (of_server("XX000", "S3ServiceException", S3.format(403, "SignatureDoesNotMatch")), A),
        (of_server("XX000", "S3ServiceException", S3.format(403, "InvalidAccessKeyId")), A),
        (of_server("XX000", "S3ServiceException", S3.format(404, "NoSuchKey")), N),
        (psycopg.OperationalError("SSL SYSCALL error: EOF detected"), T),
        (psycopg.OperationalError("SSL error: unexpected eof while reading"), T),
        (psycopg.OperationalError("SSL error: certificate verify failed"), I),
        (psycopg.OperationalError("server closed the connection unexpectedly"), T),
        (psycopg.OperationalError('FATAL: role "x" does not exist'), A),
        (psycopg.OperationalError("[Errno -2] Name or service not known"), N),
        (psycopg.OperationalError("[Errno -3] Temporary failure in name resolution"), T),
        (psycopg.errors.ConnectionTimeout("connection timeout expired"), O),
        (of_api("Throttling"), K),
        (of_api("TooManyRequestsException"), K),
        (of_api("InternalFailure"), T),
        (of_api("ServiceUnavailable"), T),
        (of_api("AccessDeniedException"), P),
        (of_api("ExpiredTokenException"), A),
        (of_api("ResourceNotFoundException"), N),
        (sdk.NoCredentialsError(), A),
        (sdk.CredentialRetrievalError(provider="sso", error_msg="x"), A),
        (sdk.EndpointConnectionError(endpoint_url="x"), T),
        (sdk.ConnectTimeoutError(endpoint_url="x"), O),
        (sdk.ReadTimeoutError(endpoint_url="x"), O),
        (sdk.ConnectionClosedError(endpoint_url="x"), T),
        (sdk.NoRegionError(), I),
    ],
)
def test_a_cause_has_its_kind(error, kind):
    found = provider_error(error, operation="COPY")

    assert (found.kind, found.retryable) == (kind, kind.retryable)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (psycopg.OperationalError("server does not support SSL, but SSL was required"), "sslmode to disable in the connection 'w'"),
        (psycopg.OperationalError("SSL error: certificate verify failed"), "sslrootcert in the connection 'w'"),
        (of_server("42P01", 'relation "t" does not exist'), "Check the name"),
        (of_server("XX000", "S3ServiceException", S3.format(404, "NoSuchBucket")), "Check the bucket's name"),
        (of_server("08001", "could not establish connection", "FATAL: password authentication failed"), "connection 'w'"),
        (sdk.NoRegionError(), "Give region_name"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("service", ["redshift", "postgres"])
def test_an_error_says_what_to_do_about_it(error, service, hint):
    assert hint in provider_error(error, operation="COPY", conn_id="w", service=service).hint


def test_a_refusal_of_aws_is_told_by_its_own_name():
    assert provider_error(of_api("AccessDenied"), operation="Login").operation == "GetClusterCredentials"


def test_the_first_cause_is_told_and_not_that_of_cleaning_up(hook):
    class WorkError(Exception):
        """The first cause."""

    def fail(session):
        session.run("SELECT 1")
        session.connection.rollback = session.connection.cancel_safe = lambda *_, **__: 1 / 0
        session.connection.pgconn.send_query(b"SELECT f_sleep(0)")
        raise WorkError

    with pytest.raises(WorkError):
        hook.transaction(fail)


def test_whatever_a_login_raises_is_an_error_of_the_provider(connect_with):
    with pytest.raises(ProviderError):
        connect_with(sslrootcert="/no\0file", sslmode="verify-full").run("SELECT 1")
