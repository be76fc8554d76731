"""Calls of the Web API, pages of lists, and channels by name."""

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_slack.hooks.base import SlackBase
from penstock_slack.hooks.channels import ChannelName, channel_ids, is_channel_id
from penstock_slack.hooks.clients import web_client
from penstock_slack.hooks.limits import invalid

_AS_JSON = ("chat.postMessage", "chat.update")  # blocks are structures; other methods take forms


class SlackWebApi(SlackBase):
    """Calls of the Web API.

    Args:
        slack_conn_id: Name of the connection, of type ``slack``.
        connection: The connection itself, in place of its name.
    """

    _date = ""

    @property
    def endpoint(self) -> str:
        """The URL of the Web API."""
        return self.fields.base_url

    @property
    def client(self) -> Any:  # noqa: ANN401 - of the SDK, which is imported on first use
        """The SDK's client of this process, for what the hook does not offer; it repeats nothing by itself."""
        if not self.fields.token:
            raise invalid(
                f"the connection {self.conn_id!r} has no token; by a webhook_url alone, SlackWebhookOperator and SlackWebhookHook send",
                "Login",
            )
        return web_client(self.fields)

    def ask(self, method: str, arguments: Mapping[str, Any] | None = None, what: str = "") -> dict[str, Any]:
        """Call any method that may be called twice, repeated while that may help; returns Slack's answer.

        Args:
            method: Such as ``conversations.info``.
            arguments: Those of the method.
            what: The thing that it is about, for errors.

        Raises:
            penstock.errors.ProviderError: Slack refuses.
        """
        return self.call(method, lambda: self._asked(method, arguments or {}, what), what)

    def listed(self, method: str, arguments: Mapping[str, Any], of: str, what: str = "") -> Iterator[dict[str, Any]]:
        """What a method lists, page by page.

        Args:
            method: Such as ``conversations.list``.
            arguments: Those of the method, without a cursor.
            of: The field of the answer that holds a page.
            what: The thing that it is about, for errors.

        Raises:
            penstock.errors.ProviderError: Slack refuses, or gives the same cursor again.
        """
        cursor, seen = "", set[str]()
        while True:
            answer = self.ask(method, {**arguments, **({"cursor": cursor} if cursor else {})}, what)
            yield from answer.get(of) or ()
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
            if cursor in seen:
                raise ProviderError(
                    f"{what}: the list does not get further than the cursor {cursor!r}", service="slack",
                    operation=method, kind=ErrorKind.TRANSIENT,
                )  # fmt: skip
            seen.add(cursor)

    def channel_id(self, channel: str) -> str:
        """The id of a channel; an id is taken as it is, a name is looked for among the channels that we may see.

        Raises:
            penstock.errors.ProviderError: Of kind ``not_found``: there is none, or it is private and we are not in it.
        """
        if is_channel_id(channel):
            return channel
        name = channel.removeprefix("#")
        found = channel_ids(self.fields).find(name, self._channels)
        if found is None:
            channel_ids(self.fields).forget()
            raise ProviderError(
                f"there is no channel {channel!r} that the token may see", service="slack",
                operation="conversations.list", kind=ErrorKind.NOT_FOUND, code="channel_not_found",
                hint="Check its name; invite the app into it if it is private, or give its id",
            )  # fmt: skip
        return found

    def _channels(self) -> Iterator[ChannelName]:
        arguments = {"exclude_archived": True, "limit": 1000, "types": "public_channel,private_channel"}
        try:
            for each in self.listed("conversations.list", arguments, "channels"):
                yield ChannelName(each["id"], each["name"])
        except ProviderError as error:
            if error.code != "missing_scope":
                raise
            for each in self.listed("conversations.list", {**arguments, "types": "public_channel"}, "channels"):
                yield ChannelName(each["id"], each["name"])

    def _asked(self, method: str, arguments: Mapping[str, Any], what: str = "") -> dict[str, Any]:
        """Call a method once."""
        with self.errors(method, what):
            given = dict(arguments)
            answer = self.client.api_call(method, **({"json": given} if method in _AS_JSON else {"params": given}))
        self._date = str({str(k).lower(): v for k, v in answer.headers.items()}.get("date", ""))
        return dict(answer.data)
