"""The values that a sound manifest becomes; attribute names are the format's keys."""

from typing import Any, NamedTuple

SCHEMA_VERSION = 1
"""Version of the manifest format that this package reads."""


class Parameter(NamedTuple):
    """One argument of a capability.

    Attributes:
        type: The type as written in Python, such as ``str | list[str]``; what is not plain is not checked.
        default: The value it has when left out; None if it is None or if the manifest names none.
    """

    name: str
    type: str = "Any"
    doc: str = ""
    required: bool = False
    default: Any = None


class Field(NamedTuple):
    """One field of a connection type; ``secret`` ones are masked in logs and never shown."""

    name: str
    type: str = "str"
    doc: str = ""
    required: bool = False
    secret: bool = False
    default: Any = None


class Capability(NamedTuple):
    """One thing that a provider offers.

    Attributes:
        kind: The manifest's array it stands in, such as ``operators``.
        id: ``<provider>.<name>``.
        object: ``module:attribute``, imported on first use.
        extra: The extra of the distribution that it needs; "" for none.
        connection_type: For a hook, the connection type that it reads.
        scheme: For an object store, the URL scheme that it serves.
        name: For a command, the words that are typed; "" for those of its id.
        installation: For a service, whether it is given the whole installation.
        always: For a service, whether it is kept though no setting names it.
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
    name: str = ""
    installation: bool = False
    always: bool = False

    @property
    def provider(self) -> str:
        """Id of the provider it belongs to."""
        return self.id.partition(".")[0]

    @property
    def words(self) -> tuple[str, ...]:
        """For a command, the one or two words that are typed behind ``penstock``."""
        provider, _, own = self.id.partition(".")
        return tuple(self.name.split(" ")) if self.name else (provider, own.replace("_", "-"))

    @property
    def powers(self) -> tuple[str, ...]:
        """What whoever installs it should know that it may do, beyond what others of its kind may; each goes behind its id."""
        given = "is given the whole installation: the database, its key, all connections" if self.installation else ""
        kept = "is kept by `penstock up` without a line in the settings" if self.always else ""
        return tuple(each for each in (given, kept) if each)


class ConnectionType(NamedTuple):
    """A kind of connection: the schemes of its URIs, and its fields."""

    type: str
    doc: str
    schemes: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()


class Manifest(NamedTuple):
    """A sound manifest."""

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
    extras: dict[str, str] = {}  # noqa: RUF012 - a default that nobody changes; a NamedTuple has no factories
    capabilities: tuple[Capability, ...] = ()
    connections: tuple[ConnectionType, ...] = ()


def to_data(value: object) -> Any:  # noqa: ANN401 - what JSON can hold
    """Turn a value of this module into dicts and lists, for JSON."""
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        return dict(zip(names, map(to_data, value), strict=True)) if names else [to_data(each) for each in value]
    return value


_LONGEST = 300


def plain(text: str, longest: int = _LONGEST) -> str:
    r"""Turn a stranger's text into one line that is safe to show: printable, with single blanks, not too long.

    >>> plain("Nice\x1b[2J doc\nof  two lines")
    'Nice[2J doc of two lines'
    """
    line = "".join(letter for letter in " ".join(text[: 4 * longest].split()) if letter.isprintable())
    return line if len(line) <= longest else line[: longest - 1] + "…"
