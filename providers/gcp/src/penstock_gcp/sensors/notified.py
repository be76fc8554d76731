"""Sensors that are told by Pub/Sub when to look: a message is a reason to look at the bucket, and never an answer.

What is lost, late or delivered twice so costs time or a request alone. Notifications of Cloud Storage: at least once, in no
order, with ``bucketId`` and ``objectId`` as attributes
(https://cloud.google.com/storage/docs/pubsub-notifications).
"""

import threading
import time
from collections import deque
from datetime import timedelta
from typing import Any

from penstock import Sensor
from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock_gcp.hooks import PubSubHook, PubSubMessage

_PASSING = (ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.TIMEOUT)
_MOST_PULLS = 10  # of one poke, which must be short
_MOST_KEPT = 5_000  # of a subscription; who has missed more looks


class NotifiedSensor(Sensor):
    """Looks when a subscription tells of what it waits for, and after `look_interval` at the latest.

    A subclass looks (`look`), and says which messages are about it (`concerns`).

    Args:
        subscription: A subscription of Pub/Sub to the bucket's notifications, as ``projects/p/subscriptions/s``: each poke
            asks it, and looks at the bucket only if there is reason to. It is the sensors' alone: all of its messages are
            acknowledged. Those who wait in one process share what it tells. Without one, each poke looks.
        look_interval: After how long the bucket is looked at although the subscription is silent, as timedelta or seconds.
        gcp_conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    def __init__(
        self,
        *,
        subscription: str = "",
        look_interval: timedelta | float = timedelta(minutes=10),
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.subscription, self.look_interval, self.gcp_conn_id = subscription, look_interval, gcp_conn_id
        self._read: int | None = None
        self._looked_at = 0.0

    def look(self, context: Any) -> bool:  # noqa: ANN401 - the spec's
        """Look at the bucket once: whether the wait is over."""
        raise NotImplementedError(f"{type(self).__name__} has no look()")

    def concerns(self, bucket: str, name: str) -> bool:
        """Whether a change of this object is a reason to look."""
        raise NotImplementedError(f"{type(self).__name__} has no concerns()")

    def poke(self, context: Any) -> bool:  # noqa: ANN401 - the spec's signature
        """Look once, if there is reason to."""
        return self._has_reason() and self.look(context) if self.subscription else self.look(context)

    def _has_reason(self) -> bool:
        messages, now, period = _of(self.subscription), time.monotonic(), self.look_interval
        since = timedelta(seconds=now - self._looked_at)
        reason = since >= (period if isinstance(period, timedelta) else timedelta(seconds=period))
        try:
            messages.fetch(PubSubHook(self.gcp_conn_id))
        except ProviderError as error:
            if error.kind not in _PASSING:
                raise
            self.log.warning("%s The bucket is looked at instead.", error)
            reason = True
        self._read, news = messages.since(self._read)
        reason = reason or news is None or any(self.concerns(*each) for each in news)
        if reason:
            self._looked_at = now
        return reason


class Notifications:
    """What a subscription has told in this process, for all who wait in it: a message is delivered to one of them alone.

    Messages are acknowledged before those who wait have looked. A process that ends there loses none of them, as whoever
    begins to wait looks first.

    Args:
        subscription: Its name.
    """

    def __init__(self, subscription: str) -> None:
        self._subscription = subscription
        self._kept: deque[tuple[str, str]] = deque(maxlen=_MOST_KEPT)
        self._count = 0
        self._lock = threading.Lock()

    def fetch(self, hook: PubSubHook) -> None:
        """Ask the subscription, keep what it tells, and acknowledge it.

        Raises:
            penstock.errors.FailTask: It has messages that are no notifications of Cloud Storage; they stay there.
            penstock.errors.ProviderError: It cannot be asked.
        """
        for _ in range(_MOST_PULLS):
            found = hook.pull(self._subscription)
            self._keep(found)
            if found:
                self._acknowledge(hook, [each.ack_id for each in found])
            if len(found) < hook.MOST_AT_ONCE:
                return

    def since(self, number: int | None) -> tuple[int, list[tuple[str, str]] | None]:
        """How many were told so far, and bucket and name of those after a number; None if some of them are forgotten."""
        with self._lock:
            missed = None if number is None else self._count - number
            if missed is None or missed > len(self._kept):
                return self._count, None
            return self._count, list(self._kept)[len(self._kept) - missed :]

    def _keep(self, messages: list[PubSubMessage]) -> None:
        for each in messages:
            if not each.attributes.keys() >= {"bucketId", "objectId"}:
                raise FailTask(
                    f"{self._subscription} has the message {each.message_id}, which is no notification of Cloud Storage, "
                    "and was left there. Give the sensor a subscription of its own to the topic of the bucket's notifications"
                )
        with self._lock:
            self._kept.extend((each.attributes["bucketId"], each.attributes["objectId"]) for each in messages)
            self._count += len(messages)

    def _acknowledge(self, hook: PubSubHook, ack_ids: list[str]) -> None:
        try:
            hook.acknowledge(self._subscription, ack_ids)
        except ProviderError as error:
            if error.kind is not ErrorKind.INVALID:  # that is: too late, of a delivery exactly once; it comes again
                raise


_subscriptions: dict[str, Notifications] = {}


def _of(subscription: str) -> Notifications:
    return _subscriptions.setdefault(subscription, Notifications(subscription))
