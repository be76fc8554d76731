"""The fields of an AWS connection, frozen and validated."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from penstock.spec.fields import Connection, read_fields


@dataclass(frozen=True, slots=True, repr=False)
class AwsFields:
    """How to reach AWS and as whom; without keys, profile and role, the SDK's own chain decides.

    Attributes:
        access_key_id, secret_access_key: A key pair; a connection's login and password.
        session_token: Third part of temporary credentials.
        profile_name: A profile of the AWS configuration files.
        role_arn: A role to assume with the credentials above; its own are renewed before they expire.
        external_id: What the role's trust policy asks for.
        role_session_name: Name of the assumed session, as CloudTrail shows it.
        anonymous: Requests are not signed at all, for buckets that are open to everybody.
        region_name: The AWS region; the SDK's configuration decides unless given.
        endpoint_url: Another endpoint, for S3-compatible stores and tests.
        verify: Path of a CA bundle, or whether certificates are verified at all.
        addressing_style: How a bucket is named in a request.
        checksum: ``when_required`` leaves out checksums that S3-compatible stores do not know, and sends Content-MD5
            where one is required.
        requester_pays: We pay for requests to buckets whose owner asks for that.
        server_side_encryption: How every object that is written is encrypted; the bucket decides unless given.
        sse_kms_key_id: The key of ``aws:kms``; the account's own unless given.
        connect_timeout_s: Seconds to wait for a connection.
        read_timeout_s: Seconds to wait for each part of an answer.
        deadline_s: Seconds after which a call is not repeated any more.
        max_attempts: Attempts of a call, the first included, with the SDK's ``standard`` retries.
    """

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    profile_name: str = ""
    role_arn: str = ""
    external_id: str = ""
    role_session_name: str = "penstock"
    anonymous: bool = False
    region_name: str = ""
    endpoint_url: str = ""
    verify: bool | str = True
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    checksum: Literal["when_required", "when_supported"] = "when_supported"
    requester_pays: bool = False
    server_side_encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = ""
    sse_kms_key_id: str = ""
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    deadline_s: float = 120.0
    max_attempts: int = 5

    def __repr__(self) -> str:
        """The fields without the secrets."""
        return f"AwsFields(region_name={self.region_name!r}, endpoint_url={self.endpoint_url!r})"

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        yield from self._identity_problems()
        if self.sse_kms_key_id and not self.server_side_encryption.startswith("aws:kms"):
            yield "sse_kms_key_id belongs to server_side_encryption = aws:kms"
        if self.endpoint_url and not self.endpoint_url.startswith(("http://", "https://")):
            yield "endpoint_url must begin with http:// or https://"
        for name in ("connect_timeout_s", "read_timeout_s", "deadline_s", "max_attempts"):
            if getattr(self, name) <= 0:
                yield f"{name} must be greater than 0"

    def _identity_problems(self) -> Iterator[str]:
        if bool(self.access_key_id) != bool(self.secret_access_key):
            given, missing = ("login", "password") if self.access_key_id else ("password", "login")
            yield f"a key pair has two parts: the {given} is set, the {missing} is not"
        if self.session_token and not self.access_key_id:
            yield "session_token belongs to a key pair, and there is none"
        if self.profile_name and self.access_key_id:
            yield "profile_name and a key pair exclude each other"
        if self.anonymous and (self.access_key_id or self.profile_name or self.role_arn):
            yield "anonymous excludes a key pair, profile_name and role_arn"
        if self.external_id and not self.role_arn:
            yield "external_id belongs to a role_arn, and there is none"
        if self.role_arn and not self.role_arn.startswith("arn:"):
            yield "role_arn must begin with 'arn:'"

    @property
    def renewable(self) -> bool:
        """Whether the SDK can fetch fresh credentials by itself."""
        return not self.session_token


def aws_fields(connection: Connection) -> AwsFields:
    """The fields of a connection; raises `penstock.errors.ConfigError` with everything that is wrong."""
    return read_fields(
        connection, AwsFields, {"access_key_id": connection.login, "secret_access_key": connection.password}
    )
