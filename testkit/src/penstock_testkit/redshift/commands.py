"""COPY and UNLOAD statements, parsed into values.

Source: the pages "COPY", "UNLOAD" and their parameter pages of the Amazon Redshift Database Developer Guide.
"""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from penstock_testkit.redshift.cursor import Cursor, qualified
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Statement
from penstock_testkit.redshift.options import (
    COPY_FLAGS,
    COPY_OPTIONS,
    UNLOAD_FLAGS,
    UNLOAD_OPTIONS,
    Reader,
    read_option,
)


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
    words: frozenset[str] = field(default_factory=frozenset)


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
    words: frozenset[str] = field(default_factory=frozenset)


def parse_copy(statement: Statement) -> Copy:
    """Parse a COPY.

    Raises:
        RedshiftError: A syntax error, an option that is not covered, or options that exclude each other.
    """
    cursor = Cursor(statement)
    cursor.expect("COPY")
    table, name = qualified(cursor)
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
    return _checked_copy(_with_options(cursor, copy, COPY_OPTIONS, COPY_FLAGS))


def parse_unload(statement: Statement) -> Unload:
    """Parse an UNLOAD.

    Raises:
        RedshiftError: A syntax error, an option that is not covered, or options that exclude each other.
    """
    cursor = Cursor(statement)
    cursor.expect("UNLOAD")
    cursor.expect("(")
    query = cursor.string()
    cursor.expect(")")
    cursor.expect("TO")
    unload = Unload(query, _s3_url(cursor.string(), "UNLOAD"))
    return _checked_unload(_with_options(cursor, unload, UNLOAD_OPTIONS, UNLOAD_FLAGS))


_Command = TypeVar("_Command", Copy, Unload)


def _with_options(cursor: Cursor, command: _Command, options: dict[str, Reader], flags: set[str]) -> _Command:
    while not cursor.ended:
        word, values = read_option(cursor, options, flags)
        if word in command.words:
            raise RedshiftError("conflicting or redundant options", "42601")
        command = replace(command, words=command.words | {word}, **values)
    return replace(command, flags=command.words & flags)


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
    _refuse_together(copy, _COPY_EXCLUSIONS)
    if len(copy.delimiter) != 1 or len(copy.quote) != 1 or not (copy.delimiter + copy.quote).isascii():
        raise RedshiftError("COPY delimiter and quote must be a single ASCII character", "XX000")
    return copy


def _checked_unload(unload: Unload) -> Unload:
    if not unload.authorised:
        raise _unauthorised("UNLOAD")
    if {"CLEANPATH", "ALLOWOVERWRITE"} <= unload.flags:
        raise RedshiftError("CLEANPATH is not supported with ALLOWOVERWRITE", "42601")
    if "VERBOSE" in unload.flags and "MANIFEST" not in unload.flags:
        raise RedshiftError('syntax error at or near "VERBOSE"', "42601")
    _refuse_together(unload, _UNLOAD_EXCLUSIONS)
    return unload


# Words that a format does not go together with; those of COPY's JSON are from memory.
_COPY_EXCLUSIONS = {
    "CSV": {"ESCAPE", "REMOVEQUOTES"},
    "TEXT": {"QUOTE"},
    "JSON": {"QUOTE", "DELIMITER", "ESCAPE", "FILLRECORD", "IGNOREBLANKLINES", "NULL", "REMOVEQUOTES"},
}
_UNLOAD_EXCLUSIONS = {
    "CSV": {"ADDQUOTES", "ESCAPE"},
    "JSON": {"DELIMITER", "HEADER", "ADDQUOTES", "ESCAPE", "NULL"},
}


def _refuse_together(command: Any, exclusions: dict[str, set[str]]) -> None:  # noqa: ANN401 - either command
    refused = sorted(command.words & exclusions.get(command.format, set()))
    if refused:
        raise RedshiftError(f"{command.format} is not supported with {' or '.join(refused)}", "42601")
