"""A strict fake of the REST API of Secret Manager.

Shapes: https://cloud.google.com/secret-manager/docs/reference/rest/v1 (projects.secrets list, versions access); the words of a
secret that is missing are those that the service gave to a GET of one.
Not covered: everything that writes, regional secrets, versions by number, rotation.
"""

import base64
import collections
from typing import Any

import google_crc32c

from penstock_testkit.gcs.refusals import status_refusal
from penstock_testkit.gcs.tokens import GoogleTokens
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, RouteTable

secrets = RouteTable(query=("$alt",))  # which its official client sends over REST


@secrets.route("GET /v1/projects/{project}/secrets/{secret}/versions/latest:access")
def access(fake: Any, request: HttpRequest, project: str, secret: str) -> HttpAnswer:  # noqa: ANN401 - the app that this is a part of
    """Give the latest version's payload."""
    del request
    name = f"projects/{fake.numbers[project]}/secrets/{secret}"
    found = fake.values.get((project, secret))
    if found is None:
        return status_refusal(404, f"Secret [{name}] not found or has no versions.")
    if secret in fake.disabled:
        return status_refusal(400, f"Secret Version [{name}/versions/1] is in DISABLED state.")
    payload = {"data": base64.b64encode(found).decode(), "dataCrc32c": str(google_crc32c.value(found) ^ fake.damage)}
    return HttpAnswer.json({"name": f"{name}/versions/1", "payload": payload})


@secrets.route("GET /v1/projects/{project}/secrets", query=("pageSize", "pageToken", "filter"))
def listed(fake: Any, request: HttpRequest, project: str) -> HttpAnswer:  # noqa: ANN401
    """List a page of names, of which a filter's text is a part."""
    text = request.query.get("filter", "name:").removeprefix("name:")
    found = sorted(name for of, name in fake.values if of == project and text in name)
    begin, size = int(request.query.get("pageToken", "0")), min(int(request.query["pageSize"]), fake.page_size)
    page = found[begin : begin + size]
    more = {"nextPageToken": str(begin + size)} if begin + size < len(found) else {}
    number = fake.numbers[project]
    return HttpAnswer.json({"secrets": [{"name": f"projects/{number}/secrets/{each}"} for each in page]} | more)


class SecretManager(App):
    """Secret Manager.

    Args:
        tokens: Who issues the tokens that are let in.
        page_size: The most names of one list.

    Attributes:
        values: Payloads by project and name.
        disabled: Names whose latest version is disabled.
        damage: What is done to checksums.
        numbers: The numbers of the projects, which answers name; 124 of one that is not named here.
    """

    name = "secret manager"
    hosts = ("secretmanager.googleapis.com",)
    tables = (secrets,)

    def __init__(self, tokens: GoogleTokens, *, page_size: int = 2) -> None:
        super().__init__()
        self.tokens, self.page_size = tokens, page_size
        self.values: dict[tuple[str, str], bytes] = {}
        self.disabled: set[str] = set()
        self.damage = 0
        self.numbers = collections.defaultdict(lambda: 124, {"a-project": 123})

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Let in who has a token, and answer."""
        if not self.tokens.is_live(request.header("Authorization").removeprefix("Bearer ")):
            return status_refusal(401, "Request had invalid authentication credentials.")
        return super().handle(request)

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """A refusal in the service's words."""
        del request
        return status_refusal(status, "The service is currently unavailable.")

    def put(self, name: str, text: bytes | str, project: str = "a-project") -> None:
        """Store a secret."""
        self.values[project, name] = text.encode() if isinstance(text, str) else text
