"""Files: an upload in three steps, of which the last makes the file seen.

Steps are those of docs.slack.dev, "Working with files": files.getUploadURLExternal, a POST to the URL that it gives, and
files.completeUploadExternal, which wants a channel's id. What is not completed is never seen, so the first two may be
repeated. A file may have 1 GB (Slack's help, "Add files to Slack").
"""

import json
from pathlib import Path
from typing import Any

from penstock.errors import ProviderError
from penstock_slack.hooks.base import was_not_taken
from penstock_slack.hooks.clients import send_file
from penstock_slack.hooks.limits import invalid
from penstock_slack.hooks.web_api import SlackWebApi

MOST_BYTES = 1024**3


class SlackFiles(SlackWebApi):
    """Uploads of files.

    Args:
        slack_conn_id: Name of the connection, of type ``slack``.
        connection: The connection itself, in place of its name.
    """

    def upload(
        self,
        file: Path | str | bytes,
        channel: str,
        *,
        filename: str = "",
        title: str = "",
        comment: str = "",
        thread_ts: str = "",
    ) -> str:
        """Upload a file into a channel; returns the file's id.

        Args:
            file: Path of the file, or its content.
            channel: Id or name of the channel.
            filename: Its name in Slack; that of the path unless given.
            title: Its title; the filename unless given.
            comment: A message that introduces it.
            thread_ts: The message that it answers.

        Raises:
            penstock.errors.ProviderError: Slack refuses; of kind ``invalid`` for a file that is not there, empty or too
                large.
        """
        channel_id = self.channel_id(channel)
        file_id = self.stage_file(file, filename=filename)
        self.share_file(file_id, channel_id, title=title or filename, comment=comment, thread_ts=thread_ts)
        return file_id

    def stage_file(self, file: Path | str | bytes, *, filename: str = "") -> str:
        """Bring a file to Slack where nobody sees it yet; returns its id, for `share_file`.

        Raises:
            penstock.errors.ProviderError: As `upload`.
        """
        content = file if isinstance(file, bytes) else Path(file)
        if isinstance(content, Path) and not content.is_file():
            raise invalid(f"there is no file {str(content)!r}", "files.getUploadURLExternal")
        length = len(content) if isinstance(content, bytes) else content.stat().st_size
        name = filename or (content.name if isinstance(content, Path) else "file")
        if not 0 < length <= MOST_BYTES:
            raise invalid(
                f"the file {name!r} has {length} bytes; Slack takes 1 to {MOST_BYTES}", "files.getUploadURLExternal"
            )

        def attempt() -> str:
            place = self._asked("files.getUploadURLExternal", {"filename": name, "length": length}, name)
            with self.errors("files.upload", name):
                send_file(place["upload_url"], content, self.fields)
            return str(place["file_id"])

        return self.call("files.upload", attempt, name)

    def share_file(
        self, file_id: str, channel: str, *, title: str = "", comment: str = "", thread_ts: str = ""
    ) -> None:
        """Have a file that was brought to Slack seen in a channel; where an answer got lost, the file is looked at first.

        Raises:
            penstock.errors.ProviderError: As `upload`.
        """
        described = {"id": file_id, **({"title": title} if title else {})}
        arguments: dict[str, Any] = {"files": json.dumps([described]), "channel_id": self.channel_id(channel)}
        arguments |= {name: text for name, text in (("initial_comment", comment), ("thread_ts", thread_ts)) if text}
        unsure = False

        def attempt() -> None:
            nonlocal unsure
            if unsure and self.is_shared(file_id):
                return
            try:
                self._asked("files.completeUploadExternal", arguments, channel)
            except ProviderError as error:
                unsure = unsure or not was_not_taken(error)
                raise

        self.call("files.completeUploadExternal", attempt, channel)

    def is_shared(self, file_id: str) -> bool:
        """Whether a file is seen in some channel.

        Raises:
            penstock.errors.ProviderError: Of kind ``permission`` without the scope ``files:read``.
        """
        try:
            found = self.ask("files.info", {"file": file_id}, file_id)["file"]
        except ProviderError as error:
            if error.code == "file_not_found":
                return False
            raise
        return any(found.get(name) for name in ("channels", "groups", "ims"))
