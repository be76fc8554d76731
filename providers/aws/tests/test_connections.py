"""Connection fields are validated, all at once."""

import pytest

from penstock import Connection
from penstock.errors import ConfigError
from penstock.spec.fields import read_fields
from penstock_aws.connections import AwsFields


def test_fields_come_from_parts_and_extra_and_texts_are_converted():
    extra = {"region_name": "eu-west-1", "max_attempts": "7", "verify": "/ca.pem", "read_timeout_s": 3}
    fields = read_fields(Connection("c", "aws", login="key", password="secret", extra=extra), AwsFields)

    assert (fields.access_key_id, fields.max_attempts, fields.verify, fields.read_timeout_s) == ("key", 7, "/ca.pem", 3)
    assert read_fields(Connection("c", "aws", extra={"verify": "false"}), AwsFields).verify is False
    assert "secret" not in repr(fields)
    with pytest.raises(AttributeError):
        fields.region_name = "x"


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        pytest.param(
            {"extra": {"region": "x"}}, "'region' is no field of it, did you mean 'region_name'", id="unknown"
        ),
        pytest.param(
            {"login": "k", "password": "p", "extra": {"anonymous": True}}, "anonymous excludes", id="anonymous"
        ),
        pytest.param({"extra": {"sse_kms_key_id": "k"}}, "belongs to server_side_encryption", id="key of nothing"),
        pytest.param({"login": "key"}, "the login is set, the password is not", id="half a pair"),
        pytest.param({"extra": {"session_token": "t"}}, "belongs to a key pair", id="token alone"),
        pytest.param({"extra": {"external_id": "t"}}, "belongs to a role_arn", id="external id alone"),
        pytest.param({"extra": {"web_identity_token_file": "/t"}}, "belongs to a role_arn", id="token file alone"),
        pytest.param({"extra": {"role_arn": "reader"}}, "must begin with 'arn:'", id="arn"),
        pytest.param({"extra": {"endpoint_url": "localhost"}}, "must begin with http", id="endpoint"),
        pytest.param({"extra": {"max_attempts": "many"}}, "max_attempts must be a whole number", id="number"),
        pytest.param({"extra": {"max_attempts": 0}}, "must be greater than 0", id="zero"),
        pytest.param({"extra": {"checksum": "never"}}, "one of when_required, when_supported", id="choice"),
        pytest.param(
            {"login": "k", "password": "s", "extra": {"profile_name": "p"}}, "exclude each other", id="profile and pair"
        ),
    ],
)
def test_a_wrong_connection_is_refused(connection, says):
    with pytest.raises(ConfigError, match=says):
        read_fields(Connection("c", "aws", **connection), AwsFields)


def test_every_problem_is_told_and_no_secret():
    bad = Connection("c", "aws", password="hunter2", extra={"colour": "red", "max_attempts": "x", "verify": 3})

    with pytest.raises(ConfigError) as raised:
        read_fields(bad, AwsFields)

    text = str(raised.value)
    assert "'colour'" in text
    assert "max_attempts" in text
    assert "verify must be true or false or text" in text
    assert "hunter2" not in text
