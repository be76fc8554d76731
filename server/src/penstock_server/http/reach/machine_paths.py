"""Where an installation lies on its machine, which is no affair of who asks over the network."""

import re
from collections.abc import Iterator
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.settings import Settings
from penstock_server.http.problems import MEDIA_TYPE

_PROBLEM = MEDIA_TYPE.encode()


class MachinePaths:
    """The folders of an installation.

    Args:
        settings: Of the installation.
    """

    def __init__(self, settings: Settings) -> None:
        named = dict(_folders(settings))
        self._names = {
            each: name for each, name in named.items() if not named.keys() & set(map(str, Path(each).parents))
        }
        longest_first = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        # Not what is a part of the path of another folder.
        self._found = re.compile(rf"(?<![\w.-])({longest_first})(/|(?![\w-]|\.\w))")

    def without(self, text: str) -> str:
        """A sentence whose paths begin within such a folder; the folder itself goes by its name."""
        if not self._names:
            return text
        return self._found.sub(lambda found: "" if found[2] else self._names[found[1]], text)


def _folders(settings: Settings) -> Iterator[tuple[str, str]]:
    for each in (settings.root, settings.state_folder, settings.logs_folder, settings.dags_folder):
        for form in (each.absolute(), each.resolve()):
            if form.name:
                yield str(form), form.name


class ProblemFence:
    """Leaves the folders of the machine out of every answer that is a problem, whatever made it.

    Args:
        application: Answers.
        folders: What is left out.
    """

    def __init__(self, application: ASGIApp, folders: MachinePaths) -> None:
        self._application, self._folders = application, folders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        held: list[Message] = []

        async def guarded(message: Message) -> None:
            if not held and not _begins_problem(message):
                await send(message)
                return
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                for each in self._written(held):
                    await send(each)
                held.clear()

        await self._application(scope, receive, guarded)

    def _written(self, messages: list[Message]) -> Iterator[Message]:
        begin, *rest = messages
        body = self._folders.without(b"".join(each.get("body", b"") for each in rest).decode()).encode()
        headers = [each for each in begin["headers"] if each[0].lower() != b"content-length"]
        yield {**begin, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        yield {**rest[-1], "body": body}


def _begins_problem(message: Message) -> bool:
    return message["type"] == "http.response.start" and any(
        name.lower() == b"content-type" and value.startswith(_PROBLEM) for name, value in message.get("headers", ())
    )
