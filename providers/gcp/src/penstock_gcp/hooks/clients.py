"""Credentials and clients of the SDK, made on first use and kept a process.

Types of key files are those of google-auth's guide ("Obtaining credentials"); each has a loader of its own, as the general
one takes whatever a file asks for (google.auth.load_credentials_from_file, deprecated for that).
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.client_cache import ClientCache
from penstock_gcp.connections import GcpFields

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_LIFETIME_S = 3600  # of a token by impersonation; the most without an exception of the organisation's


class Clients(NamedTuple):
    """What talks to the service.

    Attributes:
        storage: The client of google-cloud-storage.
        session: The session of requests below it, which adds the token and renews it.
        credentials: Who we are; None of nobody.
        project: The project of new buckets; "" if nobody has said.
    """

    storage: Any
    session: Any
    credentials: Any
    project: str


_cache: ClientCache[Clients] = ClientCache(close=lambda clients: clients.session.close())


def clients(fields: GcpFields) -> Clients:
    """The clients of a connection in this process."""
    return _cache.get(fields, lambda: _made(fields))


def forget(fields: GcpFields) -> None:
    """Make the next clients anew, with credentials that are looked up again."""
    _cache.forget(fields)


def _made(fields: GcpFields) -> Clients:
    from google.api_core.client_options import ClientOptions  # noqa: PLC0415 - the SDK takes a second
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
    from google.auth.transport import DEFAULT_REFRESH_STATUS_CODES  # noqa: PLC0415
    from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415
    from google.cloud.storage import Client  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types

    credentials, project = (None, "") if fields.anonymous else _credentials(fields)
    refreshed = () if credentials is None else DEFAULT_REFRESH_STATUS_CODES  # nobody has nothing to renew
    anybody: Any = AnonymousCredentials
    authorized: Any = AuthorizedSession
    session = authorized(credentials or anybody(), refresh_status_codes=refreshed)
    project = fields.project or project
    storage = Client(
        project=project or None,
        credentials=credentials or anybody(),
        client_options=ClientOptions(api_endpoint=fields.storage_url),
        _http=session,
    )
    # The SDK asks for each new bucket's metadata in a thread of its own, for spans that nobody may record: a request that
    # needs storage.buckets.get, outside of our deadlines. Its only public switch is a variable of the whole process.
    storage._bucket_metadata_cache = None  # noqa: SLF001
    return Clients(storage, session, credentials, project)


def _credentials(fields: GcpFields) -> tuple[Any, str]:
    """Credentials, and the project that they name."""
    if fields.keyfile_json or fields.key_path:
        info = _key(fields)
        found, project = _of_key(info), str(info.get("project_id") or info.get("quota_project_id") or "")
    else:
        import google.auth  # noqa: PLC0415

        found, named = google.auth.default(scopes=_SCOPES)
        project = named or ""
    if not fields.accounts:
        return found, project
    from google.auth.impersonated_credentials import Credentials  # noqa: PLC0415

    *delegates, target = fields.accounts
    impersonated: Any = Credentials
    return impersonated(found, target, _SCOPES, delegates=delegates, lifetime=_LIFETIME_S), project


def _key(fields: GcpFields) -> dict[str, Any]:
    where = f"the file {fields.key_path}" if fields.key_path else "keyfile_json"
    try:
        text = Path(fields.key_path).read_text(encoding="utf-8") if fields.key_path else fields.keyfile_json
        info = json.loads(text)
    except OSError as error:
        raise _refused(f"{where} cannot be read: {error.strerror}") from None
    except ValueError:
        raise _refused(f"{where} is no JSON") from None
    if not isinstance(info, dict):
        raise _refused(f"{where} is no JSON object")
    return info


def _of_key(info: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's
    kind = info.get("type")
    load: Any = None  # what the SDK offers here has no types
    if kind == "service_account":
        from google.oauth2.service_account import Credentials  # noqa: PLC0415

        load = Credentials.from_service_account_info
    elif kind == "authorized_user":
        from google.oauth2.credentials import Credentials as User  # noqa: PLC0415

        load = User.from_authorized_user_info
    elif kind == "external_account":
        from google.auth.identity_pool import Credentials as Federated  # noqa: PLC0415

        load = Federated.from_info
    else:
        raise _refused(
            "the key's type is none of service_account, authorized_user and external_account",
            "For any other, set GOOGLE_APPLICATION_CREDENTIALS and leave the key out of the connection",
        )
    try:
        return load(info, scopes=_SCOPES)
    except ValueError:
        raise _refused(f"the key of type {kind!r} is not whole: a field is missing or damaged") from None


def _refused(detail: str, hint: str = "Download the key again, and store the file as it is") -> ProviderError:
    return ProviderError(detail, service="gcs", operation="ReadKey", kind=ErrorKind.AUTH, hint=hint)
