"""Linked providers: folders of source that stand before what is installed, on this machine alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from penstock_manifest.environments import SearchPath

LINKS = ".links"
"""Ending of the folder beside an environment that holds its links; it belongs to no generation and to no repository."""
LINKS_FILE = "links.json"
MODULE = "_penstock_links"
"""The module in site-packages that puts the links on the path when Python starts."""


class ProviderLink(NamedTuple):
    """A linked provider.

    Attributes:
        source: The folder on the path that holds its package.
        metadata: The folder on the path that holds its metadata, which was made of its pyproject.toml.
        project: The folder that was linked.
    """

    source: str
    metadata: str
    project: str


def linked(root: str) -> dict[str, ProviderLink]:
    """Return the links of an environment by provider id; a file that cannot be read holds none, as for Python's start.

    Args:
        root: The environment's folder, or the pointer to its generation.
    """
    import json  # noqa: PLC0415  few environments have any

    try:
        with open(os.path.join(root + LINKS, LINKS_FILE), encoding="utf-8") as stream:  # noqa: PTH118,PTH123  `list` asks
            items = json.load(stream)["links"]
        return {
            name: ProviderLink(each["source"], each["metadata"], each["project"])
            for name, each in sorted(items.items())
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def is_planted(site: str) -> bool:
    """Tell whether an environment's Python looks for links when it starts."""
    return all(os.path.isfile(os.path.join(site, f"{MODULE}{end}")) for end in (".py", ".pth"))  # noqa: PTH113,PTH118  as above


def with_links(found: SearchPath, links: Mapping[str, ProviderLink], site: str) -> SearchPath:
    """Return where an environment's Python looks when links stand before its site-packages."""
    folders = list(found.folders)
    at = folders.index(site) if site in folders else len(folders)
    folders[at:at] = [folder for each in links.values() for folder in (each.metadata, each.source)]
    return found._replace(folders=tuple(folders))
