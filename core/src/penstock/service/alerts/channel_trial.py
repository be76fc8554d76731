"""Sends a test message to an alert channel, as the notifier would send an alert."""

import select

import msgspec

from penstock.errors import PluginError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.dag import MAILTO
from penstock.model.names import channel_problem
from penstock.notify.alerts.channel_process import LOG, Answer, ChannelProcess
from penstock.notify.alerts.channels import process_of
from penstock.notify.answers import Answers
from penstock.service.alerts.channel_command import channel_command
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.spec.notifier import AlertMessage
from penstock.tries.asks import provider_search


@operation("POST", "/alerts/test", needs=Permission.INSTALLATION_WRITE, reads=True)
def send_test(installation: Installation, channel: str) -> None:
    """Send a test message to a channel by a process of the channel's own, and wait until it is taken or its time is over.

    Args:
        installation: The installation.
        channel: One of ``[notifiers]``, or ``mailto:somebody@example.com``.

    Raises:
        RequestError: There is no such channel.
        PluginError: It was not taken; secrets are hidden in the message.
    """
    settings, vault = installation.settings, installation.vault
    if problem := channel_problem(channel, settings.notifiers):
        raise RequestError(problem)
    scheme, _, address = channel.partition(":")
    message = AlertMessage(
        key=f"test|{installation.now().isoformat()}",
        title="A test from Penstock",
        text="This is a test of an alert channel: `penstock alerts test`. Nothing has happened.\n",
        at=installation.now(),
        event="test",
        to=address if scheme == MAILTO else "",
    )

    def monotonic() -> float:
        return installation.clock.read().monotonic_s

    process = ChannelProcess(
        channel_command(settings, process_of(channel)), settings.logs_folder / LOG, settings.alerts.timeout_s, monotonic
    )
    answers = Answers(vault.backends)
    answering = answers.by(lambda ask: provider_search(vault, "a notifier", ask))
    try:
        process.start()
        while (answer := _result(process)) is None:
            if process.ready:
                process.send(msgspec.msgpack.encode(message), answering)
            answers.step()
            due = [each for each in (process.due, answers.due) if each is not None]
            reading, writing = [*process.readable, *answers.readable], [*process.writable, *answers.writable]
            select.select(reading, writing, [], max(0.0, min(due) - monotonic()))
    finally:
        process.close()
    if answer.failure:
        raise PluginError(f"channel {channel!r}: {answer.failure}")


def _result(process: ChannelProcess) -> Answer | None:
    answer = process.step()
    if answer is None and not process.lives:
        return Answer(process.problem or "its process ended")
    return answer
