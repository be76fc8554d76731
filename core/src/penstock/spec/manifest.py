"""The provider manifest: what a provider offers, as data that is read without importing anything of it.

The format is described in ``docs/reference/provider-manifest.md``. Reading is pure: text in, a `Manifest` or every
problem out. The runtime reads relaxed (unknown keys and kinds are passed over, so that a newer provider does not break
an older core); authors are told about each.
"""

import tomllib
from typing import Any, NamedTuple

import msgspec

from penstock.spec.rules import CAPABILITY_KEYS, FIELD_KEYS, KINDS, PARAMETER_KEYS, TOP_KEYS, rule_problems
from penstock.spec.versions import serves

SPEC_VERSION = 1
"""Version of the specs of this core; a manifest's ``spec`` range must contain it."""

SCHEMA_VERSION = 1
"""Version of the manifest format that this core reads."""


class Parameter(msgspec.Struct, frozen=True):
    """One argument of an operator, sensor, hook or another capability.

    Attributes:
        type: The type as written in Python, such as ``str | list[str]``; what is not plain is not checked.
        default: The value it has when left out; `msgspec.UNSET` if the manifest names none.
    """

    name: str
    type: str = "Any"
    doc: str = ""
    required: bool = False
    default: Any = msgspec.UNSET


class Field(msgspec.Struct, frozen=True):
    """One field of a connection type; ``secret`` ones are masked in logs and never shown."""

    name: str
    type: str = "str"
    doc: str = ""
    required: bool = False
    secret: bool = False
    default: Any = msgspec.UNSET


class Capability(msgspec.Struct, frozen=True):
    """One thing that a provider offers.

    Attributes:
        kind: The manifest's array it stands in, such as ``operators``.
        id: ``<provider>.<name>``.
        object: ``module:attribute``, imported on first use.
        extra: The extra of the distribution that it needs; "" for none.
        connection_type: For a hook, the connection type that it reads.
        scheme: For an object or log store, the URL scheme that it serves.
    """

    kind: str
    id: str
    object: str
    doc: str
    extra: str = ""
    parameters: tuple[Parameter, ...] = ()
    state: str = "stable"
    replacement: str = ""
    connection_type: str = ""
    scheme: str = ""

    @property
    def provider(self) -> str:
        """Id of the provider it belongs to."""
        return self.id.partition(".")[0]


class ConnectionType(msgspec.Struct, frozen=True):
    """A kind of connection: its URI schemes and its fields."""

    type: str
    doc: str
    schemes: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()


class Command(msgspec.Struct, frozen=True):
    """A sub-command of ``penstock``: a click command, imported when it is called."""

    name: str
    object: str
    doc: str


class Manifest(msgspec.Struct, frozen=True):
    """A valid manifest; attribute names are the format's keys."""

    id: str
    name: str
    doc: str
    spec: str
    imports: tuple[str, ...]
    state: str = "stable"
    replacement: str = ""
    until: str = ""
    documentation: str = ""
    changelog: str = ""
    plugin: str = ""
    extras: dict[str, str] = {}
    capabilities: tuple[Capability, ...] = ()
    connections: tuple[ConnectionType, ...] = ()
    commands: tuple[Command, ...] = ()


class Reading(NamedTuple):
    """What came of reading a manifest: its value or the problems that forbid one, and notes that forbid nothing."""

    manifest: Manifest | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_manifest(text: bytes | str, entry_point: str = "", *, strict: bool = False) -> Reading:
    """Read a manifest's TOML and judge it; every problem is reported at once.

    Args:
        text: The file's content.
        entry_point: Name of the entry point that led to it; "" if there is none to compare with.
        strict: Whether what the runtime forgives (unknown keys and kinds) is a problem, as for the manifest's author.
    """
    try:
        data = tomllib.loads(text.decode() if isinstance(text, bytes) else text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Reading(None, (f"it is no TOML: {error}",))
    problems = rule_problems(data, strict=strict) + _identity_problems(data, entry_point)
    skipped = [key for key, value in data.items() if key not in TOP_KEYS and _is_array_of_tables(value)]
    notes = tuple(f"the capability kind {kind!r} is unknown to this core and was skipped" for kind in skipped)
    if problems:
        return Reading(None, tuple(problems), notes)
    return Reading(_build(data), (), notes)


def _identity_problems(data: dict[str, Any], entry_point: str) -> list[str]:
    problems = []
    provider_id, version_range, schema = data.get("id"), data.get("spec"), data.get("schema")
    if entry_point and isinstance(provider_id, str) and provider_id != entry_point:
        problems.append(f"its id is {provider_id!r}, but its entry point is named {entry_point!r}; make them equal")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema != SCHEMA_VERSION:
        problems.append(f"its format is schema {schema}; this core reads schema {SCHEMA_VERSION}")
    if isinstance(version_range, str):
        verdict = serves(version_range, SPEC_VERSION)
        if verdict is None:
            problems.append(f"spec = {version_range!r} is no version range; write one such as '>=1,<2'")
        elif not verdict:
            problems.append(
                f"it serves spec {version_range}, but this core's spec is {SPEC_VERSION}; "
                "install a version of the provider or of penstock-core that fits"
            )
    return problems


def _is_array_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _build(data: dict[str, Any]) -> Manifest:
    plain = {key: data[key] for key in Manifest.__struct_fields__ if key in data}
    plain["until"] = str(data.get("until", ""))
    plain["imports"] = tuple(data["imports"])
    plain["commands"] = tuple(
        Command(name=item["name"], object=item["object"], doc=item["doc"]) for item in data.get("commands", ())
    )
    plain["connections"] = tuple(_connection_type(item) for item in data.get("connections", ()))
    plain["capabilities"] = tuple(_capability(kind, item) for kind in KINDS for item in data.get(kind, ()))
    return Manifest(**plain)


def _connection_type(item: dict[str, Any]) -> ConnectionType:
    fields = tuple(Field(**_known(field, FIELD_KEYS)) for field in item.get("fields", ()))
    return ConnectionType(item["type"], item["doc"], tuple(item.get("schemes", ())), fields)


def _capability(kind: str, item: dict[str, Any]) -> Capability:
    values = _known(item, CAPABILITY_KEYS[kind])
    values["parameters"] = tuple(Parameter(**_known(each, PARAMETER_KEYS)) for each in item.get("parameters", ()))
    return Capability(kind=kind, **values)


def _known(item: dict[str, Any], keys: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key in keys}
