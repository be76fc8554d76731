"""The HTTP session without a token, as logins use it."""

from typing import Any


class TimedSession:
    """A session of requests whose requests all have time limits; requests itself has none.

    What simple-salesforce asks of a session and is not here is the session's of requests.

    Args:
        timeout: Seconds to wait for a connection, and for each part of an answer.
    """

    def __init__(self, timeout: tuple[float, float]) -> None:
        import requests  # noqa: PLC0415 - on first use

        self.inner, self._timeout = requests.Session(), timeout

    def request(self, method: str, url: str, **arguments: Any) -> Any:  # noqa: ANN401 - of requests
        """Make a request; the arguments are those of requests."""
        return self.inner.request(method, url, **{"timeout": self._timeout, **arguments})

    def get(self, url: str, **arguments: Any) -> Any:  # noqa: ANN401 - of requests
        """Make a GET."""
        return self.request("GET", url, **arguments)

    def post(self, url: str, data: Any = None, **arguments: Any) -> Any:  # noqa: ANN401 - of requests
        """Make a POST."""
        return self.request("POST", url, data=data, **arguments)

    def __enter__(self) -> "TimedSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.inner.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is
        return getattr(self.inner, name)
