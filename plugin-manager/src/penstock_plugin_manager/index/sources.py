"""Where distributions come from: one list for the manager, uv and pip, made of all that any of them is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from penstock_plugin_manager.index.network import Network
from penstock_plugin_manager.index.pip_settings import pip_settings
from penstock_plugin_manager.index.settings import Settings
from penstock_plugin_manager.index.uv_settings import uv_settings


class Sources(NamedTuple):
    """Where distributions come from.

    Attributes:
        indexes: Package indexes without credentials, in the order in which they are asked: the first that has a name, or
            refuses to tell, is the only one for that name. The last is "" where nobody names one: it is the tool's own, PyPI.
        find_links: Folders and pages of files, besides.
        no_index: Whether these alone count.
        offline: Whether the network is left alone.
        network: How servers are asked.
        rest: uv's settings that say nothing of indexes.
    """

    indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    offline: bool = False
    network: Network = Network()
    rest: Mapping[str, Any] = {}

    def folders(self) -> list[str]:
        """Return the folders among ``find_links``."""
        return [place for place in self.find_links if "://" not in place]

    def pages(self) -> list[str]:
        """Return the pages among ``find_links``."""
        return [place for place in self.find_links if "://" in place]


class RequestedSources(NamedTuple):
    """What a call and its project name themselves; it comes before what the machine says."""

    last_index: str = ""
    extras: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False


def read_sources(
    named: RequestedSources, variables: Mapping[str, str], folder: Path, *, offline: bool = False
) -> Sources:
    """Return where distributions come from.

    The first of these that names an index decides, with all those before it: the call and its project, uv's settings, pip's. Where
    none does, it is PyPI. Credentials, certificates and proxies count wherever they are written.

    Args:
        named: What the call and the project name.
        variables: Environment variables.
        folder: The project's folder, from which uv's files are looked for.
        offline: Whether the network is left alone.

    Raises:
        ManagerError: a settings file cannot be read, or an address is none.
    """
    uv, pip = uv_settings(variables, folder), pip_settings(variables)
    network = _network(uv, pip, variables)
    extras: list[str] = []
    links: list[str] = []
    index, no_index = "", False
    for each in (named, uv, pip):
        if not index and not no_index:
            extras += each.extras
            links += each.find_links
            index, no_index = each.last_index, each.no_index
    indexes, links_asked = [], []
    for address in [*extras, index]:
        bare, network = network.with_address(address)
        indexes.append(bare)
    for place in links:
        bare, network = network.with_address(place)
        links_asked.append(bare)
    for settings in (uv, pip):  # what is not asked here may still be the host of a file or a catalog
        for address in (*settings.extras, settings.last_index, *settings.find_links):
            _, network = network.with_address(address)
    asked = () if no_index else tuple(dict.fromkeys(indexes))
    network = network._replace(services=asked)
    return Sources(asked, tuple(dict.fromkeys(links_asked)), no_index, offline, network, uv.rest)


def _network(uv: Settings, pip: Settings, variables: Mapping[str, str]) -> Network:
    """Return how servers are asked; of several certificate files pip's counts first, as it has the narrowest name."""
    named = [pip.certificates, uv.certificates]
    named += [variables.get(name, "") for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")]
    return Network(
        keyring=uv.keyring or pip.keyring,
        certificates=next(filter(None, named), ""),
        client_certificate=pip.client_certificate or uv.client_certificate,
        trusted_hosts=(*uv.trusted_hosts, *pip.trusted_hosts),
        proxy=pip.proxy,
        variables=variables,
    )
