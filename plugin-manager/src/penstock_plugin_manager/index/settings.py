"""What a tool is told about indexes, by its variables and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Settings(NamedTuple):
    """What a tool is told on this machine; what it is not told is empty.

    Attributes:
        last_index: The index that is asked last.
        extras: The indexes that are asked before it, in their order.
        find_links: Folders and pages of files.
        no_index: Whether these alone count.
        keyring: Whether the program ``keyring`` is asked for passwords.
        certificates: File or folder of trusted authorities.
        client_certificate: File with certificate and key that are shown to servers.
        trusted_hosts: Hosts whose certificate is not checked.
        proxy: Address of a proxy.
        rest: Settings that say nothing of indexes, for the tool alone.
    """

    last_index: str = ""
    extras: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    keyring: bool = False
    certificates: str = ""
    client_certificate: str = ""
    trusted_hosts: tuple[str, ...] = ()
    proxy: str = ""
    rest: Mapping[str, Any] = {}
