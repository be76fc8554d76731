"""Describes one module of the project: ``python -m penstock.plugins.describe MODULE FOLDER MEGABYTES``.

It imports the module, calls its impls of the answering specs, and writes what they answer as a manifest, in JSON. What the
module itself prints goes nowhere.
"""

import json
import os
import resource
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from penstock.errors import PenstockError, PluginError
from penstock.model.names import error_sentence
from penstock.plugins.project_modules import id_of_module
from penstock.plugins.registry import register_module
from penstock.processes.bounds.memory import limit_memory
from penstock.spec.plugin import SPEC_VERSION
from penstock_manifest.format import Capability, ConnectionType, to_data
from penstock_manifest.kinds import ARRAYS, CONNECTIONS, Kind
from penstock_manifest.specs import REACTING


def describe(module: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Import a module and ask it for all that it offers.

    Returns:
        That as the data of a manifest, and what it uses and will be gone, a sentence each.

    Args:
        module: Its name.

    Raises:
        penstock.errors.PluginError: It cannot be imported, an impl of it fits no spec, raises, or answers with what is none
            of the values of `penstock.spec.plugin`.
    """
    name = id_of_module(module)
    manager, impls, deprecated = register_module(name, module, "describing it", of_project=True)
    if not impls:
        raise PluginError(f"{module} implements no spec; mark its functions with penstock.spec.plugin.hookimpl")
    data: dict[str, Any] = {
        "schema": 1,
        "id": name,
        "name": module,
        "doc": ((sys.modules[module].__doc__ or "").strip() or "A module of this project.").splitlines()[0],
        "spec": f"=={SPEC_VERSION}",
        "imports": [module.partition(".")[0]],
    }
    for kind in ARRAYS.values():
        if kind.spec in impls:
            data[kind.name] = [_entry(kind, each) for each in _declared(manager.hook, kind, module)]
    if set(impls) & set(REACTING):
        data["plugin"] = module
    return data, deprecated


def _declared(hook: Any, kind: Kind, module: str) -> list[Any]:  # noqa: ANN401 - pluggy's own
    try:
        return [each for answer in getattr(hook, kind.spec)(mention="") for each in _listed(answer)]
    except BaseException as error:  # the fence: the module may raise anything
        raise PluginError(f"{kind.spec} of {module} raised {error_sentence(error)}") from error


def _listed(answer: Any) -> Iterable[Any]:  # noqa: ANN401 - a stranger's value
    # One value in place of a list of one is a tuple, too, and would be taken apart into its fields.
    return [answer] if isinstance(answer, Capability | ConnectionType) else answer


def _entry(kind: Kind, value: object) -> dict[str, Any]:
    if kind.name == CONNECTIONS.name:
        if not isinstance(value, ConnectionType):
            raise PluginError(
                f"{kind.spec} answers with {value!r}; it must be a list of penstock.spec.plugin.ConnectionType"
            )
        return dict(_without_defaults(to_data(value)))
    if not isinstance(value, Capability) or value.kind != kind.name:
        raise PluginError(
            f"{kind.spec} answers with {value!r}; it must be a list of penstock.spec.plugin.Capability of the kind {kind.name!r}"
        )
    entry = _without_defaults(to_data(value._replace(object=_path_of(value.id, value.object))))
    return {key: each for key, each in entry.items() if key != "kind" and each is not False}


def _path_of(capability_id: str, target: object) -> str:
    """Return where an object is imported from; a class may be given itself."""
    if isinstance(target, str):
        return target
    module, name = getattr(target, "__module__", ""), getattr(target, "__qualname__", "")
    if not module or not name or "<" in name:
        raise PluginError(
            f"the object of {capability_id} is {target!r}, which cannot be imported by name; define it at the top of a module"
        )
    return f"{module}:{name}"


def _without_defaults(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _without_defaults(each) for key, each in value.items() if each not in (None, "", [])}
    return [_without_defaults(each) for each in value] if isinstance(value, list) else value


def _problem(error: Exception, megabytes: str) -> str:
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        return (
            f"importing it and asking it takes more than {megabytes} MB of memory; the bound is memory_mb in [loader]"
        )
    return str(error)


def main(arguments: Sequence[str]) -> int:
    """Write the manifest, or why there is none; the exit code is 0 in both cases."""
    module, folder, megabytes = arguments
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.append(folder)
    limits = limit_memory(int(megabytes))
    try:
        data, notes = describe(module)
        file = getattr(sys.modules[module], "__file__", "") or ""
        text = json.dumps({"manifest": data, "notes": notes, "file": file})
    except (
        PenstockError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:  # the last two: a default that JSON cannot hold
        resource.setrlimit(resource.RLIMIT_AS, limits)
        text = json.dumps({"problem": _problem(error, megabytes)})
    answer.write(text)
    answer.flush()
    os._exit(0)  # threads and exit handlers of the module must not keep the answer waiting


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
