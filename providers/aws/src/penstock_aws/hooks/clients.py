"""Clients of the SDK: made on first use, kept while the connection's content stays the same, never across a fork."""

import base64
import functools
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.spec.hooks.client_cache import ClientCache
from penstock_aws.connections import AwsFields

if TYPE_CHECKING:
    import botocore.loaders  # type: ignore[import-untyped]  # it ships no types
    import botocore.session  # type: ignore[import-untyped]  # it ships no types

# Clients are thread-safe and costly (20 ms each, 0.1 s the first); sessions are neither shared nor kept.
_clients = ClientCache[Any](close=lambda client: client.close())
_REPEATED = (429, 500, 502, 503, 504)  # statuses after which the SDK tries again
_REDIRECTS = (301, 302, 307)  # those that the SDK follows


class CallDeadlineError(Exception):
    """A call was not repeated because its connection's deadline had passed."""


class NotAwsError(Exception):
    """Something else than a service of this protocol has answered."""


def client(service: str, fields: AwsFields) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    """The client of a service for these fields in this process.

    It follows the rules of one retry layer (the SDK's, in ``standard`` mode), explicit timeouts, and a deadline after
    which no attempt is begun.
    """
    return _clients.get((service, fields), lambda: _made(service, fields))


def forget(service: str, fields: AwsFields) -> None:
    """Drop a client, so that the next one looks for credentials anew."""
    _clients.forget((service, fields))


def _made(service: str, fields: AwsFields) -> Any:  # noqa: ANN401 - as above
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use; it ships no types
    from botocore import UNSIGNED  # noqa: PLC0415 - likewise
    from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415 - likewise

    signature = UNSIGNED if fields.anonymous else "s3v4" if service == "s3" else None
    config = Config(
        connect_timeout=fields.connect_timeout_s,
        read_timeout=fields.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": fields.max_attempts},
        s3={"addressing_style": fields.addressing_style},
        signature_version=signature,
        request_checksum_calculation=fields.checksum,
        response_checksum_validation=fields.checksum,
        max_pool_connections=16,
        tcp_keepalive=True,  # a function may say nothing for minutes, and what stands between forgets the connection
        user_agent_extra="penstock",
    )
    inner = _session(fields)
    session = boto3.session.Session(botocore_session=inner, region_name=fields.region_name or None)
    folders = inner.get_component("data_loader").search_paths
    folders[:] = dict.fromkeys(folders)  # the SDK adds its own once more for each session
    made = session.client(
        service,
        endpoint_url=fields.endpoint_url or None,
        verify=None if fields.verify is True else fields.verify,
        config=config,
    )
    _hold_deadline(made, fields.deadline_s)
    _refuse_web_pages(made)
    if service == "s3":
        _add_standing_options(made, fields)
        _end_redirects(made)
        if fields.checksum == "when_required":
            _require_md5(made)
    return made


def _session(fields: AwsFields) -> "botocore.session.Session":
    import botocore.session  # noqa: PLC0415 - on first use

    session = botocore.session.Session(profile=fields.profile_name or None)
    session.register_component("data_loader", _descriptions(session.get_config_variable("data_path")))
    if fields.region_name:
        session.set_config_variable("region", fields.region_name)
    if fields.access_key_id:
        session.set_credentials(fields.access_key_id, fields.secret_access_key, fields.session_token or None)
    if fields.role_arn:
        _assume_role(session, fields)
    return session


@functools.cache
def _descriptions(path: str | None) -> "botocore.loaders.Loader":
    """What the SDK knows of all services, read once a process: each session reads it anew, which is most of a client's cost."""
    import botocore.loaders  # noqa: PLC0415 - on first use

    return botocore.loaders.create_loader(path)


def _assume_role(session: "botocore.session.Session", fields: AwsFields) -> None:
    """Let the session's credentials be those of the role; the SDK renews them before they expire."""
    from botocore.credentials import (  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use; no types
        CredentialResolver,
        DeferredRefreshableCredentials,
    )

    fetcher = _role_fetcher(session, fields)

    class AssumedRole:
        """A credential provider as the SDK's resolver wants it."""

        METHOD = CANONICAL_NAME = "penstock-assume-role"

        def load(self) -> Any:  # noqa: ANN401 - the SDK's credentials
            """Credentials that are fetched on first use and renewed."""
            return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method=self.METHOD)

    session._credentials = None  # noqa: SLF001 - forget the keys that were set, or the resolver is never asked
    session.register_component("credential_provider", CredentialResolver([AssumedRole()]))


def _role_fetcher(session: "botocore.session.Session", fields: AwsFields) -> Any:  # noqa: ANN401 - the SDK's
    """What asks STS for the role: with the token of a file, or with the session's own credentials."""
    from botocore.credentials import (  # noqa: PLC0415 - on first use
        AssumeRoleCredentialFetcher,
        AssumeRoleWithWebIdentityCredentialFetcher,
    )
    from botocore.exceptions import NoCredentialsError  # type: ignore[import-untyped]  # noqa: PLC0415 - likewise

    def create_client(name: str, **options: Any) -> Any:  # noqa: ANN401 - the SDK's own signature
        options.setdefault("endpoint_url", fields.endpoint_url or None)
        options["region_name"] = options.get("region_name") or fields.region_name or None
        return session.create_client(name, **options)

    extra = {"RoleSessionName": fields.role_session_name}
    if fields.web_identity_token_file:
        file = Path(fields.web_identity_token_file)
        return AssumeRoleWithWebIdentityCredentialFetcher(
            create_client, lambda: file.read_text().strip(), fields.role_arn, extra_args=extra
        )
    source = session.get_credentials()
    if source is None:
        raise NoCredentialsError
    if fields.external_id:
        extra["ExternalId"] = fields.external_id
    return AssumeRoleCredentialFetcher(create_client, source, fields.role_arn, extra_args=extra)


def _hold_deadline(made: Any, deadline_s: float) -> None:  # noqa: ANN401 - a client
    """Stop repeating a call once its deadline has passed; the SDK itself knows only timeouts of single attempts."""
    service = _event_name(made)

    def begin(context: dict[str, Any], **_: object) -> None:
        context["penstock_deadline"] = time.monotonic() + deadline_s

    def check(
        operation: Any,  # noqa: ANN401 - the SDK's
        request_dict: dict[str, Any],
        caught_exception: Any,  # noqa: ANN401 - an exception
        response: Any,  # noqa: ANN401 - the SDK's
        **_: object,
    ) -> None:
        if caught_exception is not None:
            caught_exception.operation_name = operation.name  # as the SDK's errors of an answer have it
        failed = caught_exception is not None or response is None or response[0].status_code in _REPEATED
        deadline = request_dict["context"].get("penstock_deadline")
        if failed and deadline is not None and time.monotonic() > deadline:
            if caught_exception is not None:
                raise caught_exception
            raise CallDeadlineError(f"no success within {deadline_s:g} s")

    made.meta.events.register(f"before-call.{service}", begin)
    made.meta.events.register_first(f"needs-retry.{service}", check)


def _event_name(made: Any) -> str:  # noqa: ANN401 - a client
    """What the service is called in the names of the SDK's events."""
    return str(made.meta.service_model.service_id.hyphenize())


def _add_standing_options(made: Any, fields: AwsFields) -> None:  # noqa: ANN401 - a client
    """Give every request what the connection says of all of them, as far as its operation knows it.

    One place for every way of reading and writing, the SDK's own included; what a caller gives counts before it.
    """
    standing = {
        "RequestPayer": "requester" if fields.requester_pays else "",
        "ServerSideEncryption": fields.server_side_encryption,
        "SSEKMSKeyId": fields.sse_kms_key_id,
    }

    def add(params: dict[str, Any], model: Any, **_: object) -> dict[str, Any]:  # noqa: ANN401 - the SDK's model
        known = model.input_shape.members if model.input_shape else ()
        encrypted = "ServerSideEncryption" in params or "SSECustomerAlgorithm" in params
        return {
            name: value
            for name, value in standing.items()
            if value and name in known and not (encrypted and name != "RequestPayer")
        } | params

    def pay_by_query(request: Any, **_: object) -> None:  # noqa: ANN401 - the SDK's request
        # The SDK signs a header, which whoever opens a presigned URL does not send.
        if request.context.get("is_presign_request") and "x-amz-request-payer" in request.headers:
            mark = "&" if "?" in request.url else "?"
            request.url += f"{mark}x-amz-request-payer={request.headers['x-amz-request-payer']}"
            del request.headers["x-amz-request-payer"]

    made.meta.events.register("provide-client-params.s3", add)
    made.meta.events.register_first("before-sign.s3", pay_by_query)


def _refuse_web_pages(made: Any) -> None:  # noqa: ANN401 - a client
    """Let a web page be no answer: the SDK finds no key in it, no error, and nothing that was refused, or prints all of it.

    A portal of a network, a proxy and the console of a store answer everything with one. What a gateway says of a service
    that is away for the moment is repeated.
    """

    def check(response_dict: dict[str, Any], **_: object) -> None:
        status, body = response_dict["status_code"], response_dict["body"]
        if status in _REPEATED or not isinstance(body, bytes):  # a stream is the object's own content
            return
        if body.lstrip()[:14].lower().startswith((b"<html", b"<!doctype html")):
            raise NotAwsError(f"the answer is a web page (HTTP {status})")

    made.meta.events.register_first(f"before-parse.{_event_name(made)}", check)


def _end_redirects(made: Any) -> None:  # noqa: ANN401 - a client
    """Give up on a redirect that names no region: the SDK would ask for it at the bucket, which redirects again."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - on first use

    def check(response: Any, **_: object) -> None:  # noqa: ANN401 - the SDK's
        if response is None or response[0].status_code not in _REDIRECTS:
            return
        if "x-amz-bucket-region" not in response[0].headers:
            raise ClientError(response[1], "HeadBucket")

    made.meta.events.register_first("needs-retry.s3.HeadBucket", check)


def _require_md5(made: Any) -> None:  # noqa: ANN401 - a client
    """Send Content-MD5 in place of a checksum of another kind where the API requires one.

    Stores of other makers ask for it in DeleteObjects and refuse what the SDK sends since its version 1.36
    (boto/s3transfer#327).
    """

    def swap(request: Any, operation_name: str, **_: object) -> None:  # noqa: ANN401 - the SDK's request
        required = made.meta.service_model.operation_model(operation_name).http_checksum.get("requestChecksumRequired")
        if not required or not isinstance(request.body, bytes | bytearray):
            return
        for name in [each for each in request.headers if each.lower().startswith(("x-amz-checksum-", "x-amz-sdk-"))]:
            del request.headers[name]
        digest = hashlib.md5(request.body, usedforsecurity=False).digest()
        request.headers["Content-MD5"] = base64.b64encode(digest).decode()

    made.meta.events.register_first("before-sign.s3", swap)
