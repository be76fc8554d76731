"""The fields of a Google Cloud connection, frozen and validated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from penstock.spec.fields import CallLimits


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class GcpFields(CallLimits):
    """How to reach Google Cloud and as whom; without a key, Application Default Credentials decide.

    Attributes:
        project: The project of new buckets; that of the credentials unless given.
        keyfile_json: The content of a key file: of a service account, of a user, or of workload identity federation;
            a connection's password.
        key_path: The path of such a file.
        impersonation_chain: Accounts to impersonate with the credentials above, with commas: each lets the one before it
            act as itself, and the last one is who we are.
        anonymous: Requests carry no token at all, for buckets that are open to everybody.
        user_project: The project that pays for requests to buckets whose owner asks for that.
        endpoint_url: Another endpoint, such as that of a private service connect or an emulator.
    """

    PARTS: ClassVar[Mapping[str, str]] = {"keyfile_json": "password"}
    SHOWN: ClassVar[tuple[str, ...]] = ("project", "endpoint_url")

    project: str = ""
    keyfile_json: str = ""
    key_path: str = ""
    impersonation_chain: str = ""
    anonymous: bool = False
    user_project: str = ""
    endpoint_url: str = ""

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        if self.keyfile_json and self.key_path:
            yield "keyfile_json and key_path exclude each other"
        if self.anonymous and (self.keyfile_json or self.key_path or self.impersonation_chain):
            yield "anonymous excludes keyfile_json, key_path and impersonation_chain"
        if self.endpoint_url and not self.endpoint_url.startswith(("http://", "https://")):
            yield "endpoint_url must begin with http:// or https://"
        for account in self.accounts:
            if "@" not in account:
                yield "impersonation_chain must be e-mail addresses of service accounts"

    @property
    def storage_url(self) -> str:
        """Where Cloud Storage is."""
        return self.endpoint_url.rstrip("/") or "https://storage.googleapis.com"

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts to impersonate, in their order."""
        return tuple(each.strip() for each in self.impersonation_chain.split(",") if each.strip())
