"""Alerts by the Web API: one thread a run, nothing twice.

Slack keeps what is needed to know: each message of ours has the alert's key, its run and its event in its metadata, which
conversations.history and conversations.replies give back to the app ("Message metadata"). Slack knows no idempotency key:
``client_msg_id`` is for its own clients alone (slackapi/java-slack-sdk#852).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.notifier import AlertMessage
from penstock_slack.hooks import SlackHook
from penstock_slack.hooks.slack import payload_of
from penstock_slack.notifiers.alert_blocks import PATIENCE_S, STATE_BLOCK, alert_blocks, state_block

THREAD_S = 86400.0
"""How long before an alert the thread of its run is looked for; a later alert begins a new one."""

_MOST_THREADS = 1000  # that are remembered; others are looked for again
_UNFURLED = {"unfurl_links": False, "unfurl_media": False}

Found = dict[str, Any]


class SlackNotifier:
    """Sends alerts into a channel. Alerts about a run are one thread, whose first message shows the run's state.

    Args:
        channel: Id or name of the channel.
        slack_conn_id: The connection, with a ``token``.
        mention: Who is called, in Slack's words, such as ``<!here>`` or ``<@U012AB3CD>``.
        threads: Whether the alerts of a run are one thread. Without, each is a message of its own.
    """

    def __init__(
        self, channel: str, slack_conn_id: str = "slack_default", mention: str = "", *, threads: bool = True
    ) -> None:
        self._channel, self._slack_conn_id = channel, slack_conn_id
        self._mention, self._threads, self._user = mention, threads, ""
        self._first_of: OrderedDict[str, str] = OrderedDict()  # the ts of a run's first message

    def send(self, message: AlertMessage) -> None:
        """Send an alert, unless it is there already, and bring the first message of its run's thread up to date.

        Raises:
            penstock.errors.ProviderError: Slack did not take it.
        """
        hook = SlackHook(self._slack_conn_id)
        hook.end_in(PATIENCE_S)
        run = f"{message.dag_id}|{message.run_id}" if self._threads and message.run_id else ""
        try:
            self._send(hook, message, run)
        except ProviderError as error:
            # A message that is gone was deleted by a person, with its thread: the alert begins another one.
            if error.code not in ("thread_not_found", "message_not_found"):
                raise
            self._first_of.pop(run, None)
            self._send(hook, message, run)

    def _send(self, hook: SlackHook, message: AlertMessage, run: str) -> None:
        first = self._first_of.get(run, "")
        try:
            if not first:
                first, is_there = self._look(hook, message, run)
                if is_there and not first:
                    return
            thread = self._thread(hook, first) if first else []
        except ProviderError as error:
            if error.code != "missing_scope":
                raise
            print(f"an alert may arrive twice, and begins no thread: {error}")  # noqa: T201 - the channel's log
            thread, first = [], ""
        alerts = [payload_of(each) for each in thread]
        if message.key not in [each.get("key") for each in alerts]:
            payload = {"run": run, "event": message.event}
            posted = hook.post(
                self._channel,
                message.title,
                blocks=alert_blocks(message, self._mention),
                thread_ts=first,
                key=message.key,
                payload=payload,
                options=_UNFURLED,
            )
            alerts.append({"key": message.key, **payload})
            if run and not first:
                self._remember(run, posted.ts)
        if first:
            self._remember(run, first)
            self._show_state(hook, thread[0], alerts)

    def _look(self, hook: SlackHook, message: AlertMessage, run: str) -> tuple[str, bool]:
        """The first message of the run's thread, "" if there is none, and whether the alert is in the channel itself."""
        first, is_there, us = "", False, self._us(hook)
        for each in hook.history(self._channel, message.at.timestamp() - THREAD_S):
            payload = payload_of(each) if each.get("user") == us else {}
            is_there = is_there or payload.get("key") == message.key
            if run and payload.get("run") == run:
                first = each["ts"]  # of several, the oldest
            if is_there and not run:
                break
        return first, is_there

    def _thread(self, hook: SlackHook, first: str) -> list[Found]:
        us = self._us(hook)
        found = [each for each in hook.history(self._channel, 0.0, thread_ts=first) if each.get("user") == us]
        if not found or found[0]["ts"] != first:
            raise ProviderError(
                f"the message {first} is gone", service="slack", operation="conversations.replies",
                kind=ErrorKind.NOT_FOUND, code="message_not_found",
            )  # fmt: skip
        return found

    def _us(self, hook: SlackHook) -> str:
        self._user = self._user or hook.own_user_id()
        return self._user

    def _show_state(self, hook: SlackHook, first: Found, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Have a thread's first message say what became of the run; said again, it says the same."""
        kept = [each for each in first.get("blocks", ()) if each.get("block_id") != STATE_BLOCK]
        state = state_block(alerts)
        shown = next((each for each in first.get("blocks", ()) if each.get("block_id") == STATE_BLOCK), None)
        if shown is None or shown["elements"][0]["text"] != state["elements"][0]["text"]:
            hook.update(self._channel, first["ts"], first.get("text", ""), blocks=[*kept[:1], state, *kept[1:]],
                        options={"metadata": first["metadata"]})  # fmt: skip

    def _remember(self, run: str, ts: str) -> None:
        self._first_of[run] = ts
        self._first_of.move_to_end(run)
        if len(self._first_of) > _MOST_THREADS:
            self._first_of.popitem(last=False)
