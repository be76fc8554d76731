"""``[database]``: the database."""

import msgspec

from penstock.settings.numbers import Seconds


class DatabaseSettings(msgspec.Struct, frozen=True):
    """``[database]``.

    Attributes:
        url: ``sqlite:///path`` or ``postgresql://user:password@host:port/name``; SQLite in the state folder if empty.
        wait_s: Seconds to wait for another writer.
    """

    url: str = ""
    wait_s: Seconds = 10.0
