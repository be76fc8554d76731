"""The notifier spec: what sends alerts to people, by mail, into a chat, to a pager."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol

import msgspec

from penstock.model.run import UNMAPPED


class AlertMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sent: one alert, or a digest of many.

    Attributes:
        key: Its name, the same at each attempt: a service that takes an idempotency key is given this one.
        title: One line: what happened to what.
        text: All of it as plain text, for services that show nothing else: the reason, the end of the log, the link.
        at: When it happened; of a digest, the first of it.
        event: The word of `penstock.model.state.AlertEvent`; of a digest, "" if its alerts are about several.
        count: How many alerts it holds.
        dag_id, run_id, task_id: What it is about; "" where that is nothing, and in a digest.
        map_index: Index in a mapping; -1 if the task is not mapped.
        try_number: Tries of the task begun so far; 0 if it is about no task.
        reason: Why, as a sentence; may be empty.
        log: The last lines of the task's log, without secrets; "" if it has none.
        link: Where more is to be seen: a URL if the settings have a ``base_url``, else a command.
        to: The address of a ``mailto:`` channel, which no provider sees; else "".
        duration_s: Seconds that the run, or the try of the task, had taken by then; None if it had not begun, and in a digest.
    """

    key: str
    title: str
    text: str
    at: datetime
    event: str = ""
    count: int = 1
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = UNMAPPED
    try_number: int = 0
    reason: str = ""
    log: str = ""
    link: str = ""
    to: str = ""
    duration_s: float | None = None


class Notifier(Protocol):
    """Sends alerts to one channel; made with the options of ``[notifiers.NAME]`` as keyword arguments.

    It is made once in a process of the channel's own, which the notifier starts when the first message is due and ends when
    there has been none for a while; a test by ``penstock alerts test`` makes it in such a process, too. There a
    `penstock.author.runtime.Runtime` is in place, so that hooks find their connections and Variables. A constructor that
    raises makes the channel fail: its messages wait, and it is made anew for the next attempt.
    """

    def send(self, message: AlertMessage) -> Awaitable[None] | None:
        """Send a message; called in the channel's process, one after the other. It may be ``async``, and is awaited then.

        It must return once the service has taken the message, within ``[alerts] timeout_s``; else its process is ended, and the
        message is sent again later, with the same key. What it raises is told, and the message is sent again later, after a
        pause that doubles from 10 seconds to 10 minutes; a `penstock.errors.ProviderError` of kind ``invalid`` says that no
        repetition helps, and the message is given up, as is one at which its process has ended by itself three times.
        After ``[alerts] expire_s`` it is given up in any case.
        A process that is killed after the service has taken a message sends it again: give the service ``message.key`` if it
        can tell a repetition by one.
        """
