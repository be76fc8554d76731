"""What is wrong with a choice of the settings, told from manifests alone."""

from collections.abc import Mapping
from typing import Any

from penstock.errors import PenstockError
from penstock.plugins.host import PluginHost
from penstock_manifest.arguments import argument_problems


def choice_problems(host: PluginHost, kind: str, capability_id: str, options: Mapping[str, Any]) -> list[str]:
    """Say why a capability cannot serve as it is chosen, a sentence each; nothing of it is imported.

    Args:
        host: Knows what is installed.
        kind: What it must be, such as ``executors``.
        capability_id: What is chosen.
        options: What it is to be made with.
    """
    try:
        capability = host.capability(capability_id)
    except PenstockError as error:
        return [str(error)]
    if capability.kind != kind:
        found, wanted = (each.replace("_", " ") for each in (capability.kind, kind))
        return [f"{capability_id} is one of the {found} of its provider; it must be one of {wanted}. Correct its type."]
    return argument_problems(capability, options)
