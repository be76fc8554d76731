"""The one exception of the proxy: an error as Redshift would report it."""


class RedshiftError(Exception):
    """An error to send to the client.

    Attributes:
        message: The primary message.
        sqlstate: Its five-character code; `XX000` is what Redshift uses for most errors of its own.
        detail: More lines, or an empty text.
    """

    def __init__(self, message: str, sqlstate: str = "XX000", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail


class ConnectionCutError(Exception):
    """A fault switch asked to drop the client's connection."""
