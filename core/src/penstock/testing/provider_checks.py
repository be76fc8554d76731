"""The checks of a provider from outside, as functions that return what is wrong, a sentence each."""

import ast
import csv
import inspect
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import importlib_metadata

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.hook import Hook
from penstock.author.operator import Operator
from penstock.author.sensor import Sensor
from penstock.errors import PenstockError, PluginError, did_you_mean
from penstock.plugins.host import PluginHost
from penstock.plugins.registry import PluginModules
from penstock.spec.hooks.service_hook import ServiceHook
from penstock.spec.plugin import SERVED_SPECS
from penstock.testing.provider_rooms import problems_of
from penstock_manifest.discovery import find_providers, read_manifest_file
from penstock_manifest.format import Capability
from penstock_manifest.judge import read_manifest

if TYPE_CHECKING:
    from importlib_metadata._meta import IDistribution

TASKS = ("operators", "sensors")
BY_NAME = ("timetables", "secrets_backends", "notifiers", "metrics_sinks", "services", "commands")
"""Kinds whose objects are called with the parameters of their entries by name."""

_COLLECTING = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_UNKNOWN = "no_such_argument_of_any_operator"


class Subject:
    """An installed provider that is checked; raises `penstock.errors.PluginError` if it is not installed once, or has no manifest.

    Attributes:
        found: Its entry point.
        manifest: Its manifest, read strictly.
        problems: What is wrong with the manifest.
        package: Folder of its main package.
    """

    def __init__(self, provider_id: str) -> None:
        found = [each for each in find_providers() if each.id == provider_id]
        if not found:
            near = did_you_mean(
                provider_id, [each.id for each in find_providers()], otherwise="Install its folder first."
            )
            raise PluginError(f"no provider {provider_id!r} is installed in this environment. {near}")
        if len(found) > 1:
            raise PluginError(f"the provider {provider_id!r} is installed {len(found)} times; install it once")
        self.found = found[0]
        try:
            file, text = read_manifest_file(self.found)
        except ValueError as error:
            raise PluginError(f"the provider {provider_id!r}: {error}") from error
        self.package = Path(file).parent
        reading = read_manifest(text, provider_id, served=SERVED_SPECS, strict=True)
        relaxed = read_manifest(text, provider_id, served=SERVED_SPECS).manifest
        self.problems, self.manifest = reading.problems, reading.manifest or relaxed
        self.host = PluginHost(found)

    def capabilities(self, *kinds: str) -> Iterator[tuple[Capability, Any]]:
        """Capabilities of some kinds with their objects; those that cannot be imported are left out."""
        for capability in self.manifest.capabilities if self.manifest else ():
            if capability.kind in kinds:
                try:
                    yield capability, self.host.resolve(capability.id)
                except PenstockError:
                    continue


def object_problems(subject: Subject) -> list[str]:
    """Objects that the manifest names and that cannot be imported or are not of their kind; the plugin module, too."""
    problems = []
    for capability in subject.manifest.capabilities if subject.manifest else ():
        try:
            subject.host.resolve(capability.id)
        except PenstockError as error:
            problems.append(str(error))
    plugin = subject.manifest.plugin if subject.manifest else ""
    return problems + list(PluginModules({subject.found.id: plugin} if plugin else {}).problems.values())


def parameter_problems(subject: Subject) -> list[str]:
    """Differences between the parameters that the manifest lists and those that constructors take."""
    problems = []
    for capability, target in subject.capabilities("hooks", *TASKS, *BY_NAME):
        own = own_parameters(target)
        listed = {each.name: each for each in capability.parameters}
        problems += [f"{capability.id}: {name} is not in the manifest" for name in own if name not in listed]
        problems += [f"{capability.id}: the constructor takes no {name}" for name in listed if name not in own]
        for name in own.keys() & listed.keys():
            default = own[name].default
            if listed[name].required is not (default is inspect.Parameter.empty):
                problems.append(f"{capability.id}: {name} is required in one place, the manifest or the code, alone")
            declared = listed[name].default
            if declared is not None and default not in (inspect.Parameter.empty, None, declared):
                problems.append(f"{capability.id}: {name} is {default!r} in code, {declared!r} in the manifest")
            if not listed[name].doc:
                problems.append(f"{capability.id}: {name} has no doc in the manifest")
    return problems


def own_parameters(target: Any) -> dict[str, inspect.Parameter]:  # noqa: ANN401 - a class or a function
    """What a function takes, or the constructor of a class besides what every hook, task or sensor takes."""
    bases = [
        base
        for base in (Hook, Operator, AbstractOperator, Sensor)
        if inspect.isclass(target) and issubclass(target, base)
    ]
    if not bases:
        named = inspect.signature(target).parameters.items()
        return {name: each for name, each in named if each.kind not in _COLLECTING}
    common = {name for base in bases for name in inspect.signature(base.__init__).parameters}
    core = {cls for base in bases for cls in base.__mro__}
    found: dict[str, inspect.Parameter] = {}
    for cls in target.__mro__:
        if cls in core or "__init__" not in vars(cls):
            continue
        for name, parameter in inspect.signature(vars(cls)["__init__"]).parameters.items():
            if parameter.kind not in _COLLECTING:
                found.setdefault(name, parameter)
        if Hook in bases:
            break
    return {name: parameter for name, parameter in found.items() if name not in common}


def document_problems(subject: Subject) -> list[str]:
    """Classes without a docstring, or whose docstring and those of their bases leave out an argument."""
    problems = []
    for capability, target in subject.capabilities("hooks", *TASKS, *BY_NAME):
        text = target.__doc__ or ""
        if not text.strip().partition("\n")[0].endswith("."):
            problems.append(f"{capability.id}: the docstring of {target.__name__} does not begin with a sentence")
        bases = target.__mro__ if inspect.isclass(target) else ()
        text = "\n".join([text, *(each.__doc__ or "" for each in bases)])
        problems += [
            f"{capability.id}: the docstring of {target.__name__} says nothing of {name}"
            for name in own_parameters(target)
            if f"{name}:" not in text and f"{name}, " not in text
        ]
    return problems


def hook_problems(subject: Subject) -> list[str]:
    """Hooks that cannot test their connection, read another type than they say, or need one to be made."""
    problems = []
    types = {each.type for each in subject.manifest.connections} if subject.manifest else set()
    for capability, hook in subject.capabilities("hooks"):
        asked = "identify" if issubclass(hook, ServiceHook) else "test_connection"
        if _inherits(hook, asked) and _inherits(hook, "test_connection"):
            problems.append(f"{capability.id}: {hook.__name__} has no {asked}()")
        if hook.connection_type != capability.connection_type:
            problems.append(
                f"{capability.id}: it reads {hook.connection_type!r}, the manifest says {capability.connection_type!r}"
            )
        if capability.connection_type not in types:
            problems.append(f"{capability.id}: the manifest has no connection type {capability.connection_type!r}")
        try:
            hook()
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            problems.append(f"{capability.id}: {hook.__name__}() reaches out or needs arguments: {error}")
    return problems


def argument_problems(subject: Subject) -> list[str]:
    """Operators and sensors that take an argument they do not know."""
    problems = []
    for capability, target in subject.capabilities(*TASKS):
        required = {each.name: "x" for each in capability.parameters if each.required}
        try:
            target(task_id="check", **required, **{_UNKNOWN: 1})
        except (PenstockError, TypeError) as error:
            if _UNKNOWN not in str(error):
                problems.append(f"{capability.id}: an unknown argument is refused without its name: {error}")
        else:
            problems.append(f"{capability.id}: an unknown argument is taken in silence")
    return problems


def file_problems(subject: Subject) -> list[str]:
    """Files that the distribution installs outside of its own packages: they would outlive it or hide another's."""
    if subject.manifest is None:
        return []
    distribution = importlib_metadata.distribution(subject.found.distribution)
    scripts = {each.name for each in distribution.entry_points if each.group in ("console_scripts", "gui_scripts")}
    problems = []
    for file in map(PurePosixPath, _recorded(distribution)):
        top = file.parts[0]
        is_script = file.name in scripts or file.stem in scripts
        if top in subject.manifest.imports or top.endswith((".dist-info", ".egg-info")) or is_script:
            continue
        if file.suffix != ".pth" and not top.startswith(("__editable__", "_editable")) and top != "__pycache__":
            problems.append(f"it installs {file}, which lies outside of {', '.join(subject.manifest.imports)}")
    return problems


def _recorded(distribution: "IDistribution") -> list[str]:
    """What RECORD lists, whether it is still there or not: the library leaves out a file that it does not find."""
    text = distribution.read_text("RECORD")
    if text is None:
        return [str(each) for each in distribution.files or ()]
    return [row[0] for row in csv.reader(text.splitlines()) if row]


def room_problems(subject: Subject) -> list[str]:
    """Imports that go up in the room plan, reach into the core, or into a sibling; SDKs outside of the hooks."""
    problems: list[str] = []
    for file in sorted(subject.package.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        problems += problems_of(file.relative_to(subject.package), tree, subject.package.name)
    return problems


def _inherits(hook: type, method: str) -> bool:
    """Whether the method is the base's own."""
    return next(cls for cls in hook.__mro__ if method in vars(cls)).__module__.startswith("penstock.")
