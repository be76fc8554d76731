"""Reads ``penstock.toml`` and the environment, and reports all that is wrong with them together."""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from penstock.decoders import convert
from penstock.errors import ConfigError, RequestError, as_sentence, did_you_mean, nearest
from penstock.model.connection import Connection, parse_connection
from penstock.model.values.wrong_value import wrong_value
from penstock.processes.environ import with_secret_files
from penstock.settings.alerts import NotifierChoice, read_notifier, rule_problems
from penstock.settings.executors import ExecutorChoice, default_executors, read_executor
from penstock.settings.logs import LogSettings, store_problems
from penstock.settings.metrics import read_sink
from penstock.settings.plugins import PluginSettings, module_problems
from penstock.settings.secrets import BackendChoice, order_problems, read_backend
from penstock.settings.services import read_service
from penstock.settings.settings import SECTIONS, Settings
from penstock.settings.sharing.queues import read_queue
from penstock.settings.sharing.tenants import read_tenant

FILE = "penstock.toml"
_OTHERS = frozenset({"providers", "plugin-manager", "tool"})
_NAMED = ("executors", "queues", "tenants", "services", "notifiers")
_NAMED_WITHIN = ("secrets", "metrics")
"""Tables with keys that are known and entries by names of the user's own."""

Entry = TypeVar("Entry")

_NEAR = 0.75
"""How much a table's name has to resemble one that variables set: ``server``, which is a service, is not ``secrets``."""

_PREFIX, _CONNECTION, _VARIABLE = "PENSTOCK_", "PENSTOCK_CONN_", "PENSTOCK_VAR_"


def load_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings as seen from a folder.

    Args:
        environ: The environment.
        folder: The working folder.

    Raises:
        ConfigError: All that is wrong, one sentence each: a file that cannot be read, an unknown key (with the nearest
            right one), a value of the wrong kind, each with its file and line or its variable.
    """
    environ = with_secret_files(environ)
    file = _find(environ, folder)
    text, tables = _read(file) if file else ("", {})
    problems: list[str] = []
    given = _from_file(tables, file, text, problems)
    for section, key, name in _from_environ(environ, problems):
        given.setdefault(section, {})[key] = (environ[name], name)
    sections = {name: _build(kind, given.get(name, {}), problems) for name, kind in SECTIONS.items()}
    written = _Entries(tables, file, text, problems)
    executors = {**default_executors(), **written.read("executors", read_executor, ExecutorChoice())}
    shares = _shares(written, executors)
    services = written.read("services", read_service)
    backends = written.read("secrets", read_backend, BackendChoice(""))
    sinks = written.read("metrics", read_sink)
    where = f"{file}:{_line(text, 'secrets', 'order')}"
    problems += [f"{where}: {each}" for each in order_problems(sections["secrets"].order, backends)]
    notifiers = written.read("notifiers", read_notifier, NotifierChoice(""))
    problems += [f"{file}: [[alerts.rules]]: {each}" for each in rule_problems(sections["alerts"].rules, notifiers)]
    connections = _connections(environ, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    executor, loader = sections["executor"], sections["loader"]
    sections["executor"] = msgspec.structs.replace(executor, parallelism=executor.parallelism or _cpus())
    sections["loader"] = msgspec.structs.replace(loader, processes=loader.processes or _cpus())
    return Settings(
        root=(file.parent if file else folder).absolute(),
        file=file,
        executors=executors,
        secrets_backends=backends,
        services=services,
        notifiers=notifiers,
        metrics_sinks=sinks,
        secret_keys=tuple(environ.get("PENSTOCK_SECRET_KEY", "").replace(",", " ").split()),
        connections=connections,
        variables={n[len(_VARIABLE) :].lower(): v for n, v in environ.items() if n.startswith(_VARIABLE)},
        disabled_providers=_disabled(tables, environ),
        **shares,
        **sections,
    )


def _disabled(tables: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Providers that must not be used; what the plugin manager wrote wrongly is its own to report."""
    if environ.get("PENSTOCK_SAFE_MODE", "") not in ("", "0"):
        return ("*",)
    table = tables.get("plugin-manager")
    written = table.get("disabled", []) if isinstance(table, dict) else []
    named = environ.get("PENSTOCK_DISABLED_PROVIDERS", "").replace(",", " ").split()
    return tuple(sorted({each for each in (*written, *named) if isinstance(each, str)}))


def _find(environ: Mapping[str, str], folder: Path) -> Path | None:
    named = environ.get("PENSTOCK_CONFIG")
    if named:
        file = folder / named
        if not file.is_file():
            raise ConfigError(f"PENSTOCK_CONFIG names {file}, which is no file. Correct or unset it.")
        return file.absolute()
    return next((each / FILE for each in (folder, *folder.parents) if (each / FILE).is_file()), None)


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
        # What the settings hold goes to other processes, none of whose formats has a larger number.
        number = next(_too_large(tables), None)
    except RecursionError:
        raise ConfigError(f"{file}: its lists and tables are nested too deep.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {as_sentence(error)}") from None
    except ValueError as error:  # a number of thousands of digits is refused by int() and not by tomllib
        raise ConfigError(f"{file}: not valid TOML: {as_sentence(error)}") from None
    if number is not None:
        raise ConfigError(f"{file}: a number of {number.bit_length()} bits; none may have more than 64.")
    return text, tables


def _too_large(value: object) -> Iterator[int]:
    """Whole numbers that take more than 64 bits, at any depth."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _too_large(each)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield value


RawSettings = dict[str, dict[str, tuple[Any, str]]]


def _from_file(tables: dict[str, Any], file: Path | None, text: str, problems: list[str]) -> RawSettings:
    """Known keys with their values and where each was written."""
    given: RawSettings = {}
    for section, table in tables.items():
        if section in _OTHERS:
            continue
        place = f"{file}:{_line(text, section)}"
        if section not in SECTIONS and section not in _NAMED:
            problems.append(f"{place}: unknown table or key {section!r}{_nearest(section, [*SECTIONS, *_NAMED])}")
        elif not isinstance(table, dict):
            problems.append(f"{place}: {section!r} must be a table, [{section}].")
        elif section in SECTIONS:
            for key, value in table.items():
                where = f"{file}:{_line(text, section, key)}"
                fields = SECTIONS[section].__struct_fields__
                if key in fields:
                    given.setdefault(section, {})[key] = (value, where)
                elif not _is_entry(section, key, value):
                    problems.append(f"{where}: unknown key {key!r} in [{section}]{_nearest(key, fields)}")
    return given


def _from_environ(environ: Mapping[str, str], problems: list[str]) -> list[tuple[str, str, str]]:
    """Section, key and name of each variable that sets one."""
    found = []
    for name in sorted(environ):
        section, separator, key = name.removeprefix(_PREFIX).lower().partition("__")
        if not name.startswith(_PREFIX) or name.startswith((_CONNECTION, _VARIABLE)) or not separator:
            continue
        if section in SECTIONS and key in SECTIONS[section].__struct_fields__:
            found.append((section, key, name))
        else:
            problems.append(f"{name}: there is no such setting. {_meant(section, key)}")
    return found


def _meant(section: str, key: str) -> str:
    """What a variable may have meant: by table and by key, since all variables are alike in how they begin."""
    near = nearest(section, SECTIONS, cutoff=_NEAR)
    if not near:
        return f"Variables set keys of {', '.join(SECTIONS)}; other tables, such as [services.NAME], are written in {FILE}."
    keys = SECTIONS[near[0]].__struct_fields__
    known = {each: f"{_PREFIX}{near[0]}__{each}".upper() for each in keys}
    meant = nearest(key, keys)
    return f"Did you mean {known[meant[0]]!r}?" if meant else f"Known are: {', '.join(sorted(known.values()))}."


class _Entries:
    """Tables whose entries have names of the user's own."""

    def __init__(self, tables: Mapping[str, Any], file: Path | None, text: str, problems: list[str]) -> None:
        self._tables, self._file, self._text, self._problems = tables, file, text, problems

    def read(
        self, section: str, read: Callable[[str, object], Entry], in_place: Entry | None = None
    ) -> dict[str, Entry]:
        """The entries by name; ``in_place`` is kept of one that is wrong, so that what names it is not wrong as well."""
        found: dict[str, Entry] = {}
        table = self._tables.get(section)
        for name, value in table.items() if isinstance(table, dict) else ():
            if not _is_entry(section, name, value):
                continue
            try:
                found[name] = read(name, value)
            except RequestError as error:
                line = max(_line(self._text, section, name), _line(self._text, f"{section}.{name}"))
                self._problems.append(f"{self._file}:{line}: {error}")
                if in_place is not None:
                    found[name] = in_place
        return found


def _shares(written: _Entries, executors: Mapping[str, ExecutorChoice]) -> dict[str, Any]:
    """What `Settings` holds of ``[queues]`` and ``[tenants]``, by the names of its fields."""
    queues = written.read("queues", lambda queue, value: read_queue(queue, value, executors))
    return {
        "queues": {name: queue.executor for name, queue in queues.items()},
        "queue_limits": {name: n for name, queue in queues.items() if (n := queue.max_active_tasks) is not None},
        "queue_workers": {name: queue.workers for name, queue in queues.items()},
        "tenants": written.read("tenants", read_tenant),
    }


def _is_entry(section: str, key: str, value: object) -> bool:
    """Whether a key of a table is the name of an entry."""
    if section in SECTIONS:
        known = SECTIONS[section].__struct_fields__
        return section in _NAMED_WITHIN and key not in known and isinstance(value, str | dict)
    return section in _NAMED


def _build(kind: type[msgspec.Struct], given: dict[str, tuple[Any, str]], problems: list[str]) -> Any:  # noqa: ANN401 - any section
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    values = {}
    for key, (value, where) in given.items():
        from_environ = where.startswith(_PREFIX)
        try:
            if from_environ and isinstance(getattr(kind(), key), tuple):
                value = value.replace(",", " ").split()  # noqa: PLW2901 - a list in the environment is one text
            values[key] = convert(value, fields[key].type, strict=not from_environ)
            problems += [f"{where}: {problem}" for problem in _CHECKS.get((kind, key), _sound)(values[key])]
        except msgspec.ValidationError as error:
            # A value of the database URL may hold a password, so the message names the key alone.
            problems.append(f"{where}: {key}: {wrong_value(error, fields[key].type)}")
    return kind(**values)


def _sound(_value: Any) -> list[str]:  # noqa: ANN401 - any value of its type
    return []


_CHECKS: dict[tuple[type[msgspec.Struct], str], Callable[[Any], list[str]]] = {
    (PluginSettings, "modules"): module_problems,
    (LogSettings, "store"): store_problems,
}
"""What a value must be beyond its type."""


def _connections(environ: Mapping[str, str], problems: list[str]) -> dict[str, Connection]:
    found = {}
    for name, text in sorted(environ.items()):
        if name.startswith(_CONNECTION):
            conn_id = name[len(_CONNECTION) :].lower()
            try:
                found[conn_id] = parse_connection(conn_id, text)
            except ConfigError as error:
                problems.append(f"{name}: {error}")
    return found


def _line(text: str, section: str, key: str = "") -> int:
    """The line on which a table or one of its keys is written; 1 if it is written in an unusual way."""
    inside, found = False, 1
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*[\"']?([\w.-]+)", line)
        if header:
            inside = header[1] == section
            if inside and not key:
                return number
        elif inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
        elif not key and re.match(rf"\s*[\"']?{re.escape(section)}\b", line):
            found = number
    return found


def _nearest(name: str, known: Iterable[str]) -> str:
    return ". " + did_you_mean(name, known, otherwise=f"Known are: {', '.join(sorted(known))}.")


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
