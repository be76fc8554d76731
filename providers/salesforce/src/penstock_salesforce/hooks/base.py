"""What all calls to Salesforce share: the session, errors, the connection test, descriptions."""

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, cast

from penstock.errors import ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.client_cache import ClientCache
from penstock.spec.hooks.error_kinds import retry_after_s
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_salesforce.connections import SalesforceFields
from penstock_salesforce.errors import AnswerError, provider_error
from penstock_salesforce.hooks.session import SalesforceSession

_sessions = ClientCache[SalesforceSession](close=lambda session: session.inner.close())


class Field(NamedTuple):
    """A field of an object, as far as the connection's user may see it.

    Attributes:
        name: Its API name.
        type: Its type, as described.
        length: Characters of a text.
        precision, scale: Digits of a number, and those behind the point.
    """

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0


class SalesforceBase(ServiceHook[SalesforceFields]):
    """The connection side of the hook.

    Args:
        salesforce_conn_id: The connection, of type ``salesforce``.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = "salesforce"
    default_conn_id: ClassVar[str] = "salesforce_default"
    fields_class: ClassVar[type[SalesforceFields]] = SalesforceFields

    def __init__(self, salesforce_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(salesforce_conn_id, connection=connection)

    @property
    def session(self) -> SalesforceSession:
        """The HTTP session of this process: time limits, the shared token, its renewal."""
        return _sessions.get(self.fields, lambda: SalesforceSession(self.fields))

    @property
    def client(self) -> Any:  # noqa: ANN401 - simple-salesforce is imported on first use
        """The client of simple-salesforce on our session, for what the hook does not offer; it repeats nothing."""
        with self.errors("LogIn"):
            from simple_salesforce.api import Salesforce  # noqa: PLC0415 - on first use

            url = self.session.tokens.get().instance_url
            # Its own header has no token: the session puts the one that is valid into each request.
            return Salesforce(
                instance_url=url,
                session_id="of-the-session",
                session=cast("Any", self.session),
                version=self.fields.api_version,
            )

    @property
    def endpoint(self) -> str:
        """Where we log in."""
        return self.fields.login_url

    @property
    def server_date(self) -> str:
        """Salesforce's time as of the last answer, as a Date header; "" before the first."""
        return str(self.session.date)

    def identify(self) -> Identity:
        """Ask who the token belongs to, which needs no permission on any object."""
        info = self.ask("UserInfo", "GET", "/services/oauth2/userinfo").json()
        user, org = info["preferred_username"], info["organization_id"]
        note = ""
        if self.fields.auth == "password":
            note = " SOAP login ends on 1 June 2027: use auth = client_credentials or jwt."
        return Identity(user, f"Salesforce knows us as {user} of the organisation {org}.{note}", self.server_date)

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure means."""
        return self.located(provider_error(error, operation=operation, what=what, conn_id=self.conn_id), error)

    def describe(self, sobject: str) -> list[Field]:
        """The fields of an object that the user may see.

        Args:
            sobject: The object's API name.
        """
        info = self.ask("Describe", "GET", f"{self.api}/sobjects/{sobject}/describe", what=sobject).json()
        return [Field(**{name: each[name] for name in Field._fields if each.get(name)}) for each in info["fields"]]

    @property
    def api(self) -> str:
        """The beginning of the paths of the API."""
        return f"/services/data/v{self.fields.api_version}"

    def ask(self, operation: str, method: str, path: str, *, what: str = "", **arguments: Any) -> Any:  # noqa: ANN401 - of requests
        """Make a request, repeated while that may help.

        Args:
            operation: What is attempted.
            method: Of HTTP.
            path: Below the instance's URL.
            what: What it is about, for messages.
            **arguments: Those of a request of requests.
        """
        return self.call(operation, lambda: self._asked(method, path, **arguments), what)

    @contextlib.contextmanager
    def streaming(self, path: str, **arguments: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
        """An answer whose body is read piece by piece; not repeated: whoever reads it begins anew.

        Args:
            path: Below the instance's URL.
            **arguments: Those of a request of requests.
        """
        with contextlib.closing(self._asked("GET", path, stream=True, **arguments)) as answer:
            yield answer

    def _asked(self, method: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401 - as above
        session = self.session
        answer = session.request(method, session.tokens.get().instance_url + path, **arguments)
        if answer.status_code >= 300:
            raise _refusal(answer)
        return answer


def _refusal(answer: Any) -> AnswerError:  # noqa: ANN401 - an answer of requests
    try:
        info = answer.json()
    except ValueError:
        info = None
    found = info[0] if isinstance(info, list) and info and isinstance(info[0], dict) else {}
    wait = retry_after_s(answer.headers.get("Retry-After"), answer.headers.get("Date"))
    words = str(found.get("message", "this is no answer of Salesforce"))
    return AnswerError(answer.status_code, str(found.get("errorCode", "")), words, wait)
