"""COPY and UNLOAD statements, parsed into values.

Source: the pages "COPY", "UNLOAD" and their parameter pages of the Amazon Redshift Database Developer Guide. Formats
PARQUET, ORC, AVRO, FIXEDWIDTH and SHAPEFILE, compression by LZOP and ZSTD, JSONPaths files and sources other than
Amazon S3 are refused as not covered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Kind, Statement, Token

_NOT_COVERED = {"PARQUET", "ORC", "AVRO", "FIXEDWIDTH", "SHAPEFILE", "LZOP", "ZSTD", "SSH", "CLEANPATH", "PARTITION"}


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY from Amazon S3. Attribute names are those of the command's options; see its page for their meaning."""

    table: str
    table_name: str
    source: str
    columns: tuple[str, ...] = ()
    authorised: bool = False
    format: str = "TEXT"
    delimiter: str = "|"
    quote: str = '"'
    json_option: str = ""
    null_as: str = "\\N"
    date_format: str = ""
    time_format: str = ""
    compression: str = ""
    encoding: str = "utf-8"
    max_error: int = 0
    ignore_header: int = 0
    invalid_char: str | None = None
    flags: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Unload:
    """An UNLOAD to Amazon S3. Attribute names are those of the command's options."""

    query: str
    target: str
    authorised: bool = False
    format: str = "TEXT"
    delimiter: str = "|"
    null_as: str = ""
    compression: str = ""
    extension: str | None = None
    parallel: bool = True
    flags: frozenset[str] = field(default_factory=frozenset)


class _Cursor:
    """A place in a statement's tokens."""

    def __init__(self, statement: Statement) -> None:
        self._tokens = statement.tokens
        self._index = 0

    @property
    def ended(self) -> bool:
        return self._index >= len(self._tokens)

    def take(self) -> Token:
        if self.ended:
            raise RedshiftError("syntax error at end of input", "42601")
        self._index += 1
        return self._tokens[self._index - 1]

    def accept(self, *words: str) -> bool:
        found = not self.ended and self._tokens[self._index].word in words
        self._index += found
        return found

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.unexpected()

    def accept_string(self) -> str | None:
        if self.ended or self._tokens[self._index].kind is not Kind.STRING:
            return None
        return self.take().value

    def string(self) -> str:
        self.accept("AS")
        found = self.accept_string()
        if found is None:
            raise self.unexpected()
        return found

    def number(self) -> int:
        self.accept("AS")
        token = self.take()
        if token.kind is not Kind.NUMBER or not token.text.isdigit():
            raise _syntax(token)
        return int(token.text)

    def identifier(self) -> str:
        token = self.take()
        if token.kind not in {Kind.WORD, Kind.QUOTED}:
            raise _syntax(token)
        return token.name

    def unexpected(self) -> RedshiftError:
        return _syntax(self.take())


def _syntax(token: Token) -> RedshiftError:
    return RedshiftError(f'syntax error at or near "{token.text}"', "42601")


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def _qualified(cursor: _Cursor) -> tuple[str, str]:
    parts = [cursor.identifier()]
    while cursor.accept("."):
        parts.append(cursor.identifier())
    return ".".join(quoted(part) for part in parts), parts[-1]


def parse_copy(statement: Statement) -> Copy:
    """Parse a COPY.

    Raises:
        RedshiftError: A syntax error, an option that is not covered, or options that exclude each other.
    """
    cursor = _Cursor(statement)
    cursor.expect("COPY")
    table, name = _qualified(cursor)
    columns = []
    if cursor.accept("("):
        columns.append(cursor.identifier())
        while cursor.accept(","):
            columns.append(cursor.identifier())
        cursor.expect(")")
    if not cursor.accept("FROM"):
        if cursor.accept("TO"):
            raise RedshiftError("COPY TO is not supported; use UNLOAD", "0A000")
        raise cursor.unexpected()
    if cursor.accept("STDIN"):
        raise RedshiftError("COPY FROM STDIN is not supported", "0A000")
    copy = Copy(table, name, _s3_url(cursor.string(), "COPY"), tuple(columns))
    while not cursor.ended:
        copy = _option(cursor, copy, _COPY_OPTIONS, _COPY_FLAGS)
    return _checked_copy(copy)


def parse_unload(statement: Statement) -> Unload:
    """Parse an UNLOAD.

    Raises:
        RedshiftError: A syntax error, an option that is not covered, or options that exclude each other.
    """
    cursor = _Cursor(statement)
    cursor.expect("UNLOAD")
    cursor.expect("(")
    query = cursor.string()
    cursor.expect(")")
    cursor.expect("TO")
    unload = Unload(query, _s3_url(cursor.string(), "UNLOAD"))
    while not cursor.ended:
        unload = _option(cursor, unload, _UNLOAD_OPTIONS, _UNLOAD_FLAGS)
    if not unload.authorised:
        raise _unauthorised("UNLOAD")
    if unload.format == "CSV" and {"ADDQUOTES", "ESCAPE"} & unload.flags:
        raise RedshiftError("CSV is not supported with ADDQUOTES or ESCAPE", "42601")
    return unload


def _option(cursor: _Cursor, command: Any, options: dict[str, "_Reader"], flags: set[str]) -> Any:  # noqa: ANN401
    token = cursor.take()
    word = token.word
    if word in _NOT_COVERED:
        raise RedshiftError(f"{word} is not covered by this test server", "0A000")
    if word in options:
        return replace(command, **options[word](cursor))
    if word in flags:
        return replace(command, flags=command.flags | {word})
    raise _syntax(token)


_Reader = Callable[[_Cursor], dict[str, Any]]


def _iam_role(cursor: _Cursor) -> dict[str, Any]:
    if cursor.accept("DEFAULT"):
        return {"authorised": True}
    roles = cursor.string()
    for role in roles.split(","):
        if not role.startswith("arn:aws"):
            raise RedshiftError(f"Invalid IAM role ARN: {role!r}", "XX000")
    return {"authorised": True}


def _credentials(cursor: _Cursor) -> dict[str, Any]:
    if "=" not in cursor.string():
        raise RedshiftError("Invalid credentials. Must be of the format: credentials '...'", "XX000")
    return {"authorised": True}


def _secret_key(cursor: _Cursor) -> dict[str, Any]:
    cursor.string()
    return {"authorised": True}


def _ignored_string(cursor: _Cursor) -> dict[str, Any]:
    cursor.string()
    return {}


def _ignored_number(cursor: _Cursor) -> dict[str, Any]:
    cursor.number()
    return {}


def _ignored_switch(cursor: _Cursor) -> dict[str, Any]:
    cursor.accept("ON", "OFF", "TRUE", "FALSE", "PRESET")
    return {}


def _format(cursor: _Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    if cursor.accept("CSV"):
        return _csv(cursor)
    if cursor.accept("JSON"):
        return _json(cursor)
    if cursor.accept("TEXT"):
        return {"format": "TEXT"}
    token = cursor.take()
    if token.word in _NOT_COVERED:
        raise RedshiftError(f"FORMAT {token.word} is not covered by this test server", "0A000")
    raise _syntax(token)


def _csv(cursor: _Cursor) -> dict[str, Any]:
    found: dict[str, Any] = {"format": "CSV", "delimiter": ","}
    if cursor.accept("QUOTE"):
        found["quote"] = cursor.string()
    return found


def _json(cursor: _Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    option = cursor.accept_string() or "auto"
    if option not in {"auto", "auto ignorecase", "noshred"}:
        raise RedshiftError("a JSONPaths file is not covered by this test server", "0A000")
    return {"format": "JSON", "json_option": option}


def _unload_json(cursor: _Cursor) -> dict[str, Any]:
    del cursor
    return {"format": "JSON"}


def _text(name: str) -> _Reader:
    return lambda cursor: {name: _control_characters(cursor.string())}


def _number(name: str) -> _Reader:
    return lambda cursor: {name: cursor.number()}


def _compression(name: str) -> _Reader:
    return lambda _cursor: {"compression": name}


def _invalid_chars(cursor: _Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    return {"invalid_char": cursor.accept_string() or "?"}


def _encoding(cursor: _Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    return {"encoding": cursor.accept_string() or cursor.identifier()}


def _parallel(cursor: _Cursor) -> dict[str, Any]:
    if cursor.accept("ON", "TRUE"):
        return {"parallel": True}
    cursor.expect("OFF", "FALSE")
    return {"parallel": False}


def _size(cursor: _Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    cursor.take()
    cursor.accept("MB", "GB")
    return {}


def _control_characters(value: str) -> str:
    """Read the backslash forms that the option pages allow for delimiters and null strings."""
    return {"\\t": "\t", "\\n": "\n", "\\000": "\0", "\\0": "\0", "\\\\N": "\\N"}.get(value, value)


_COMMON_OPTIONS: dict[str, _Reader] = {
    "IAM_ROLE": _iam_role,
    "CREDENTIALS": _credentials,
    "WITH": lambda _cursor: {},
    "ACCESS_KEY_ID": _ignored_string,
    "SECRET_ACCESS_KEY": _secret_key,
    "SESSION_TOKEN": _ignored_string,
    "REGION": _ignored_string,
    "FORMAT": _format,
    "CSV": _csv,
    "DELIMITER": _text("delimiter"),
    "NULL": _text("null_as"),
    "GZIP": _compression("GZIP"),
    "BZIP2": _compression("BZIP2"),
}
_COPY_OPTIONS = _COMMON_OPTIONS | {
    "JSON": _json,
    "QUOTE": _text("quote"),
    "MAXERROR": _number("max_error"),
    "IGNOREHEADER": _number("ignore_header"),
    "DATEFORMAT": _text("date_format"),
    "TIMEFORMAT": _text("time_format"),
    "ENCODING": _encoding,
    "ACCEPTINVCHARS": _invalid_chars,
    "COMPUPDATE": _ignored_switch,
    "STATUPDATE": _ignored_switch,
    "COMPROWS": _ignored_number,
    "READRATIO": _ignored_number,
}
_UNLOAD_OPTIONS = _COMMON_OPTIONS | {
    "JSON": _unload_json,
    "PARALLEL": _parallel,
    "MAXFILESIZE": _size,
    "ROWGROUPSIZE": _size,
    "KMS_KEY_ID": _ignored_string,
    "EXTENSION": _text("extension"),
}
_COPY_FLAGS = {
    "MANIFEST", "NOLOAD", "TRUNCATECOLUMNS", "BLANKSASNULL", "EMPTYASNULL", "ACCEPTANYDATE", "FILLRECORD", "TRIMBLANKS",
    "ROUNDEC", "REMOVEQUOTES", "ESCAPE", "EXPLICIT_IDS", "IGNOREBLANKLINES", "IGNOREALLERRORS", "ENCRYPTED",
}  # fmt: skip
_UNLOAD_FLAGS = {"MANIFEST", "VERBOSE", "HEADER", "ALLOWOVERWRITE", "ADDQUOTES", "ESCAPE", "ENCRYPTED", "AUTO"}


def _s3_url(url: str, command: str) -> str:
    bucket, slash, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not slash:
        raise RedshiftError(f"{command} needs an Amazon S3 location like 's3://bucket/key', not '{url}'", "XX000")
    del key
    return url


def _unauthorised(command: str) -> RedshiftError:
    return RedshiftError(f"{command} requires authorization parameters: specify IAM_ROLE or CREDENTIALS", "XX000")


def _checked_copy(copy: Copy) -> Copy:
    if not copy.authorised:
        raise _unauthorised("COPY")
    if copy.max_error > 100_000:
        raise RedshiftError("MAXERROR must be between 0 and 100000", "XX000")
    if "IGNOREALLERRORS" in copy.flags and copy.max_error:
        raise RedshiftError("IGNOREALLERRORS and MAXERROR options are mutually exclusive", "XX000")
    if copy.format == "CSV" and {"ESCAPE", "REMOVEQUOTES"} & copy.flags:
        raise RedshiftError("CSV is not supported with ESCAPE or REMOVEQUOTES", "XX000")
    if len(copy.delimiter) != 1 or len(copy.quote) != 1:
        raise RedshiftError("COPY delimiter and quote must be a single ASCII character", "XX000")
    return copy
