"""The fields of an AWS connection, frozen and validated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from penstock.spec.fields import CallLimits


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class AwsFields(CallLimits):
    """How to reach AWS and as whom; without keys, profile and role, the SDK's own chain decides.

    Attributes:
        access_key_id, secret_access_key: A key pair; a connection's login and password.
        session_token: Third part of temporary credentials.
        profile_name: A profile of the AWS configuration files.
        role_arn: A role to assume with the credentials above; its own are renewed before they expire.
        web_identity_token_file: The role is assumed with the token in this file, which is read anew at each renewal, in
            place of the credentials above; as a pod of Kubernetes has one.
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

    Calls are repeated by the SDK, in its mode ``standard``.
    """

    PARTS: ClassVar[Mapping[str, str]] = {"access_key_id": "login", "secret_access_key": "password"}
    SHOWN: ClassVar[tuple[str, ...]] = ("region_name", "endpoint_url")

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    profile_name: str = ""
    role_arn: str = ""
    web_identity_token_file: str = ""
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

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        yield from self._identity_problems()
        if self.sse_kms_key_id and not self.server_side_encryption.startswith("aws:kms"):
            yield "sse_kms_key_id belongs to server_side_encryption = aws:kms"
        if self.endpoint_url and not self.endpoint_url.startswith(("http://", "https://")):
            yield "endpoint_url must begin with http:// or https://"

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
        if self.web_identity_token_file:
            yield from self._web_identity_problems()

    def _web_identity_problems(self) -> Iterator[str]:
        if not self.role_arn:
            yield "web_identity_token_file belongs to a role_arn, and there is none"
        if self.access_key_id or self.profile_name:
            yield "web_identity_token_file excludes a key pair and profile_name"
        if self.external_id:
            yield "external_id is not asked for where a web identity assumes the role"

    @property
    def renewable(self) -> bool:
        """Whether the SDK can fetch fresh credentials by itself."""
        return not self.session_token
