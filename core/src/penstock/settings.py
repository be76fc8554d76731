"""The settings of an installation: ``penstock.toml`` and the environment, read once into one frozen value.

``penstock.toml`` is looked for in the working folder and upwards, unless ``PENSTOCK_CONFIG`` names it. Each key of each
table can be set by the environment, too, which goes first: ``PENSTOCK_EXECUTOR__PARALLELISM=8`` is ``parallelism`` in
``[executor]``. The tables ``[providers]``, ``[plugin-manager]`` and ``[tool]`` belong to others and are left alone.
"""

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from penstock.errors import ConfigError
from penstock.model.connection import Connection, parse_connection

FILE = "penstock.toml"
_OTHERS = frozenset({"providers", "plugin-manager", "tool"})
_PREFIX, _CONNECTION, _VARIABLE = "PENSTOCK_", "PENSTOCK_CONN_", "PENSTOCK_VAR_"

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Days = Annotated[float, msgspec.Meta(ge=0, le=36500)]


class CoreSettings(msgspec.Struct, frozen=True):
    """``[core]``: where things are. Relative paths start at the folder of ``penstock.toml``.

    Attributes:
        dags_folder: Folder of the DAG files.
        state_folder: Folder of the database, the key file, source snapshots and sockets.
        logs_folder: Folder of the logs; ``logs`` in the state folder if empty.
    """

    dags_folder: str = "dags"
    state_folder: str = ".penstock"
    logs_folder: str = ""


class DatabaseSettings(msgspec.Struct, frozen=True):
    """``[database]``.

    Attributes:
        url: ``sqlite:///path`` or ``postgresql://user:password@host:port/name``; SQLite in the state folder if empty.
        wait_s: Seconds to wait for another writer.
    """

    url: str = ""
    wait_s: Seconds = 10.0


class SchedulerSettings(msgspec.Struct, frozen=True):
    """``[scheduler]``.

    Attributes:
        lease_s: Seconds without a heartbeat after which a try counts as lost and is repeated.
    """

    lease_s: Seconds = 30.0


class ExecutorSettings(msgspec.Struct, frozen=True):
    """``[executor]``: the local executor.

    Attributes:
        parallelism: Tries that run at once; 0 for the number of CPUs.
        isolation: ``fork`` (a fresh process per try), ``reuse`` (one serves many) or ``inline``; a DAG may differ.
        spawn_servers: Source snapshots whose spawn servers are kept warm.
        import_timeout_s: Seconds that a spawn server may take to import a DAG file.
        stop_grace_s: Seconds that running tries get to clean up when they are cancelled or Penstock stops.
    """

    parallelism: Annotated[int, msgspec.Meta(ge=0)] = 0
    isolation: Literal["fork", "reuse", "inline"] = "fork"
    spawn_servers: Count = 8
    import_timeout_s: Seconds = 60.0
    stop_grace_s: Annotated[float, msgspec.Meta(ge=0)] = 5.0


class WaiterSettings(msgspec.Struct, frozen=True):
    """``[waiters]``: processes that poke sensors, one for the sensors of a DAG file.

    Attributes:
        threads: Pokes of plain (not async) sensors that one process makes at once.
    """

    threads: Count = 32


class LoaderSettings(msgspec.Struct, frozen=True):
    """``[loader]``: the import of DAG files, each in a child process of its own.

    Attributes:
        processes: Files that are imported at once; 0 for the number of CPUs.
        timeout_s: Seconds that the import of one file may take.
        memory_mb: Megabytes of memory that the import of one file may take.
    """

    processes: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout_s: Seconds = 30.0
    memory_mb: Annotated[int, msgspec.Meta(ge=64)] = 1024


class NotifierSettings(msgspec.Struct, frozen=True):
    """``[notifier]``: tells plugin modules of providers which states have changed; runs only if there are such modules.

    Attributes:
        timeout_s: Seconds that a plugin module may take for one change; then its process is ended and started again.
    """

    timeout_s: Seconds = 10.0


class XComSettings(msgspec.Struct, frozen=True):
    """``[xcom]``: values that tasks pass on.

    Attributes:
        threshold_bytes: Values whose JSON is longer go to the object store, by reference.
        store: URL under which they are put; the state folder if empty.
        conn_id: Connection of that object store; the scheme's default if empty.
    """

    threshold_bytes: Annotated[int, msgspec.Meta(ge=0)] = 65536
    store: str = ""
    conn_id: str = ""


class RetentionSettings(msgspec.Struct, frozen=True):
    """``[retention]``: what is deleted when it is old; 0 keeps it for ever.

    Attributes:
        runs_days: Days after which a finished run goes, with its task instances, tries, values and logs.
        logs_days: Days after which a log goes, unless its run lives.
    """

    runs_days: Days = 0.0
    logs_days: Days = 0.0


class Settings(msgspec.Struct, frozen=True):
    """Everything that is set, paths made absolute and counts resolved.

    Attributes:
        root: Folder of ``penstock.toml``, or the working folder if there is none.
        file: The ``penstock.toml``, or None.
        secret_keys: Keys of ``PENSTOCK_SECRET_KEY``, the first of which seals; empty to use the key file.
        connections: Connections of the environment, by lower-case id; they go before stored ones.
        variables: Variables of the environment, by lower-case key; they go before stored ones.
        disabled_providers: Ids of providers that must not be used: ``disabled`` of ``[plugin-manager]`` and
            ``PENSTOCK_DISABLED_PROVIDERS``; ``*``, for all of them, if ``PENSTOCK_SAFE_MODE`` is set.
    """

    root: Path
    file: Path | None
    core: CoreSettings = CoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    executor: ExecutorSettings = ExecutorSettings()
    waiters: WaiterSettings = WaiterSettings()
    loader: LoaderSettings = LoaderSettings()
    notifier: NotifierSettings = NotifierSettings()
    xcom: XComSettings = XComSettings()
    retention: RetentionSettings = RetentionSettings()
    secret_keys: tuple[str, ...] = ()
    connections: dict[str, Connection] = {}
    variables: dict[str, str] = {}
    disabled_providers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """The settings without their secrets."""
        return f"Settings({str(self.file or self.root)!r})"

    @property
    def dags_folder(self) -> Path:
        """Folder of the DAG files."""
        return self.root / self.core.dags_folder

    @property
    def state_folder(self) -> Path:
        """Folder of the database, the key file, source snapshots and sockets."""
        return self.root / self.core.state_folder

    @property
    def logs_folder(self) -> Path:
        """Folder of the logs."""
        return self.root / self.core.logs_folder if self.core.logs_folder else self.state_folder / "logs"

    @property
    def values_url(self) -> str:
        """URL under which large values of tasks are put."""
        return self.xcom.store or (self.state_folder / "xcom").absolute().as_uri()

    @property
    def key_file(self) -> Path:
        """File of the keys that seal connections and variables, unless ``secret_keys`` are set."""
        return self.state_folder / "secret.key"

    @property
    def isolated_file(self) -> Path:
        """File that names the providers with an environment of their own; beside this environment."""
        return Path(sys.prefix) / "penstock-isolated.json"

    @property
    def database_url(self) -> str:
        """URL of the database."""
        return self.database.url or f"sqlite:///{self.state_folder / 'penstock.db'}"


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "core": CoreSettings,
    "database": DatabaseSettings,
    "scheduler": SchedulerSettings,
    "executor": ExecutorSettings,
    "waiters": WaiterSettings,
    "loader": LoaderSettings,
    "notifier": NotifierSettings,
    "xcom": XComSettings,
    "retention": RetentionSettings,
}


def load_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings as seen from a folder.

    Args:
        environ: The environment.
        folder: The working folder.

    Raises:
        ConfigError: All that is wrong, one sentence each: a file that cannot be read, an unknown key (with the nearest
            right one), a value of the wrong kind, each with its file and line or its variable.
    """
    file = _find(environ, folder)
    text, tables = _read(file) if file else ("", {})
    problems: list[str] = []
    given = _from_file(tables, file, text, problems)
    for section, key, name in _from_environ(environ, problems):
        given.setdefault(section, {})[key] = (environ[name], name)
    sections = {name: _build(kind, given.get(name, {}), problems) for name, kind in SECTIONS.items()}
    connections = _connections(environ, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    executor, loader = sections["executor"], sections["loader"]
    sections["executor"] = msgspec.structs.replace(executor, parallelism=executor.parallelism or _cpus())
    sections["loader"] = msgspec.structs.replace(loader, processes=loader.processes or _cpus())
    return Settings(
        root=(file.parent if file else folder).absolute(),
        file=file,
        secret_keys=tuple(environ.get("PENSTOCK_SECRET_KEY", "").replace(",", " ").split()),
        connections=connections,
        variables={n[len(_VARIABLE) :].lower(): v for n, v in environ.items() if n.startswith(_VARIABLE)},
        disabled_providers=_disabled(tables, environ),
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
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}.") from None


Given = dict[str, dict[str, tuple[Any, str]]]


def _from_file(tables: dict[str, Any], file: Path | None, text: str, problems: list[str]) -> Given:
    """Known keys with their values and where each was written."""
    given: Given = {}
    for section, table in tables.items():
        if section in _OTHERS:
            continue
        place = f"{file}:{_line(text, section)}"
        if section not in SECTIONS:
            problems.append(f"{place}: unknown table or key {section!r}{_nearest(section, SECTIONS)}")
        elif not isinstance(table, dict):
            problems.append(f"{place}: {section!r} must be a table, [{section}].")
        else:
            for key, value in table.items():
                where = f"{file}:{_line(text, section, key)}"
                fields = SECTIONS[section].__struct_fields__
                if key in fields:
                    given.setdefault(section, {})[key] = (value, where)
                else:
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
            known = [f"{_PREFIX}{s}__{k}".upper() for s, kind in SECTIONS.items() for k in kind.__struct_fields__]
            problems.append(f"{name}: there is no such setting{_nearest(name, known)}")
    return found


def _build(kind: type[msgspec.Struct], given: dict[str, tuple[Any, str]], problems: list[str]) -> Any:  # noqa: ANN401 - any section
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    values = {}
    for key, (value, where) in given.items():
        from_environ = where.startswith(_PREFIX)
        try:
            values[key] = msgspec.convert(value, type=fields[key].type, strict=not from_environ)
        except msgspec.ValidationError as error:
            # A value of the database URL may hold a password, so the message names the key alone.
            problems.append(f"{where}: {key}: {str(error)[:1].lower()}{str(error)[1:]}.")
    return kind(**values)


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
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f". Did you mean {near[0]!r}?" if near else f". Known are: {', '.join(sorted(known))}."


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
