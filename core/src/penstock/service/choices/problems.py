"""What is wrong with a choice of the settings, told from manifests as far as they say it."""

from collections.abc import Mapping
from typing import Any

from penstock.errors import ConfigError, PenstockError
from penstock.plugins.host import PluginHost
from penstock.tries.remote.remote_options import is_remote, read_remote_options, without_common
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


def executor_problems(host: PluginHost, name: str, capability_id: str, options: Mapping[str, Any]) -> list[str]:
    """Say the same of an executor, whose options are those of every remote one, too, if it is one.

    Args:
        host: Knows what is installed.
        name: Of the executor in the settings.
        capability_id: What is chosen.
        options: What it is to be made with; its provider is imported only if it declares none of the names of a remote one's.
    """
    problems = choice_problems(host, "executors", capability_id, options)
    if not problems:
        return []
    try:
        declared = {parameter.name for parameter in host.capability(capability_id).parameters}
        own = without_common(options, declared)
        if len(own) == len(options) or not is_remote(host.resolve(capability_id, "executors")):
            return problems
    except PenstockError:
        return problems
    try:
        read_remote_options(name, options)
    except ConfigError as error:
        return [str(error).removeprefix(f"[executors.{name}]: ")]
    return choice_problems(host, "executors", capability_id, own)
