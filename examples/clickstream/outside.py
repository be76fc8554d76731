"""What the pipeline has done outside: objects of its mirror in Cloud Storage, and messages in Slack.

Asked by plain HTTP over real TLS, through the proxy before the test servers, and by none of the libraries that the pipeline uses.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

BUCKET = "clickstream-mirror"
SLACK_TOKEN = "xoxb-0123-abcdef"  # noqa: S105 - the test server's
_GCS = "https://storage.googleapis.com"
_OBJECTS = f"{_GCS}/storage/v1/b/{BUCKET}/o"
_CHANNEL = "C000000002"  # #alerts


class Outside:
    """The two services.

    Args:
        environ: Names their proxy (``HTTPS_PROXY``) and the certificate that its hosts are known by (``SSL_CERT_FILE``).
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        trusted = ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])
        self._opener = build_opener(ProxyHandler({"https": environ["HTTPS_PROXY"]}), HTTPSHandler(context=trusted))

    def make_bucket(self) -> None:
        """Make the mirror's bucket."""
        self._json(f"{_GCS}/storage/v1/b?project=clickstream", {"name": BUCKET})

    def mirrored(self, prefix: str) -> Iterator[bytes]:
        """The content of each object of the mirror whose name begins so."""
        for name in self.objects(prefix):
            yield self._ask(f"{_OBJECTS}/{quote(name, safe='')}?alt=media")

    def objects(self, prefix: str) -> Iterator[str]:
        """The names of the mirror's objects that begin so."""
        query, page = {"prefix": prefix}, {"nextPageToken": ""}
        while "nextPageToken" in page:
            page = self._json(f"{_OBJECTS}?{urlencode(query)}")
            for each in page.get("items", ()):
                yield each["name"]
            query["pageToken"] = page.get("nextPageToken", "")

    def delete(self, name: str) -> None:
        """Delete an object of the mirror."""
        self._ask(f"{_OBJECTS}/{quote(name, safe='')}", method="DELETE")

    def told(self) -> list[str]:
        """Each message that began a thread in the channel, as JSON, the newest first."""
        answer = self._json("https://slack.com/api/conversations.history", {"channel": _CHANNEL, "limit": 1000})
        return [json.dumps(each) for each in answer["messages"]]

    def _json(self, url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._ask(url, body))
        return found

    def _ask(self, url: str, body: Mapping[str, Any] | None = None, method: str | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {SLACK_TOKEN}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with self._opener.open(Request(url, data, headers, method=method), timeout=20) as response:  # noqa: S310 - https, as written above
            content: bytes = response.read()
            return content
