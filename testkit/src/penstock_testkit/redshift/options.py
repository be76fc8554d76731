"""The options of COPY and UNLOAD: what each takes, and what attribute of the command it sets.

Source: the parameter pages of "COPY" and the page "UNLOAD" of the Amazon Redshift Database Developer Guide. Formats
PARQUET, ORC, AVRO, FIXEDWIDTH and SHAPEFILE, compression by LZOP and ZSTD, PARTITION BY and sources other than Amazon
S3 are refused as not covered.
"""

import re
from collections.abc import Callable
from typing import Any

from penstock_testkit.redshift.cursor import Cursor, syntax_error
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Kind

_NOT_COVERED = {"PARQUET", "ORC", "AVRO", "FIXEDWIDTH", "SHAPEFILE", "LZOP", "ZSTD", "SSH", "PARTITION"}

Reader = Callable[[Cursor], dict[str, Any]]


def read_option(cursor: Cursor, options: dict[str, Reader], flags: set[str]) -> tuple[str, dict[str, Any]]:
    """Take an option, and return its word and the attributes that it sets; none for a flag.

    Raises:
        RedshiftError: A syntax error, or an option that is not covered.
    """
    token = cursor.take()
    if token.word in _NOT_COVERED:
        raise RedshiftError(f"{token.word} is not covered by this test server", "0A000")
    if token.word in options:
        return token.word, options[token.word](cursor)
    if token.word in flags:
        return token.word, {}
    raise syntax_error(token)


def _iam_role(cursor: Cursor) -> dict[str, Any]:
    if cursor.accept("DEFAULT"):
        return {"authorised": True}
    roles = cursor.string()
    for role in roles.split(","):
        if not role.startswith("arn:aws"):
            raise RedshiftError(f"Invalid IAM role ARN: {role!r}", "XX000")
    return {"authorised": True}


def _credentials(cursor: Cursor) -> dict[str, Any]:
    if "=" not in cursor.string():
        raise RedshiftError("Invalid credentials. Must be of the format: credentials '...'", "XX000")
    return {"authorised": True}


def _secret_key(cursor: Cursor) -> dict[str, Any]:
    cursor.string()
    return {"authorised": True}


def _ignored_string(cursor: Cursor) -> dict[str, Any]:
    cursor.string()
    return {}


def _ignored_number(cursor: Cursor) -> dict[str, Any]:
    cursor.number()
    return {}


def _ignored_switch(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("ON", "OFF", "TRUE", "FALSE", "PRESET")
    return {}


def _format(cursor: Cursor) -> dict[str, Any]:
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
    raise syntax_error(token)


def _csv(cursor: Cursor) -> dict[str, Any]:
    found: dict[str, Any] = {"format": "CSV", "delimiter": ","}
    if cursor.accept("QUOTE"):
        found["quote"] = cursor.string()
    return found


def _json(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    option = cursor.accept_string() or "auto"
    if option not in {"auto", "auto ignorecase", "noshred"} and not option.startswith("s3://"):
        raise RedshiftError(
            f"Invalid JSON option '{option}': use 'auto', 'auto ignorecase' or a JSONPaths file", "XX000"
        )
    return {"format": "JSON", "json_option": option}


def _unload_json(cursor: Cursor) -> dict[str, Any]:
    del cursor
    return {"format": "JSON"}


def _text(name: str) -> Reader:
    return lambda cursor: {name: cursor.string()}


def _number(name: str) -> Reader:
    return lambda cursor: {name: cursor.number()}


def _compression(name: str) -> Reader:
    return lambda _cursor: {"compression": name}


def _invalid_chars(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    return {"invalid_char": cursor.accept_string() or "?"}


def _encoding(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    return {"encoding": cursor.accept_string() or cursor.identifier()}


def _parallel(cursor: Cursor) -> dict[str, Any]:
    if cursor.accept("ON", "TRUE"):
        return {"parallel": True}
    cursor.expect("OFF", "FALSE")
    return {"parallel": False}


def _size(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    cursor.take()
    cursor.accept("MB", "GB")
    return {}


def _time_format(cursor: Cursor) -> dict[str, Any]:
    pattern = cursor.string()
    if pattern.upper() in {"AUTO", "EPOCHSECS", "EPOCHMILLISECS"} and pattern != pattern.lower():
        raise RedshiftError(f"Invalid TIMEFORMAT '{pattern}': the keyword is case-sensitive", "XX000")
    if pattern not in {"auto", "epochsecs", "epochmillisecs"} and re.search(r"TZ|OF", pattern, re.IGNORECASE):
        raise RedshiftError(f"Invalid TIMEFORMAT '{pattern}': it cannot have a time zone specifier", "XX000")
    return {"time_format": pattern}


def _max_file_size(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("AS")
    token = cursor.take()
    megabytes = float(token.text) if token.kind is Kind.NUMBER else 0
    megabytes *= 1024 if cursor.accept("GB") else 1
    cursor.accept("MB")
    if not 5 <= megabytes <= 6.2 * 1024:
        raise RedshiftError("MAXFILESIZE must be between 5 MB and 6.2 GB", "XX000")
    return {}


_COMMON_OPTIONS: dict[str, Reader] = {
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
COPY_OPTIONS = _COMMON_OPTIONS | {
    "JSON": _json,
    "QUOTE": _text("quote"),
    "MAXERROR": _number("max_error"),
    "IGNOREHEADER": _number("ignore_header"),
    "DATEFORMAT": _text("date_format"),
    "TIMEFORMAT": _time_format,
    "ENCODING": _encoding,
    "ACCEPTINVCHARS": _invalid_chars,
    "COMPUPDATE": _ignored_switch,
    "STATUPDATE": _ignored_switch,
    "COMPROWS": _ignored_number,
    "READRATIO": _ignored_number,
}
UNLOAD_OPTIONS = _COMMON_OPTIONS | {
    "JSON": _unload_json,
    "PARALLEL": _parallel,
    "MAXFILESIZE": _max_file_size,
    "ROWGROUPSIZE": _size,
    "KMS_KEY_ID": _ignored_string,
    "EXTENSION": _text("extension"),
}
"""Readers of the options that COPY takes with a value, and those of UNLOAD, by their word."""
COPY_FLAGS = {
    "MANIFEST", "NOLOAD", "TRUNCATECOLUMNS", "BLANKSASNULL", "EMPTYASNULL", "ACCEPTANYDATE", "FILLRECORD", "TRIMBLANKS",
    "ROUNDEC", "REMOVEQUOTES", "ESCAPE", "EXPLICIT_IDS", "IGNOREBLANKLINES", "IGNOREALLERRORS", "ENCRYPTED",
}  # fmt: skip
UNLOAD_FLAGS = {
    "MANIFEST",
    "VERBOSE",
    "HEADER",
    "ALLOWOVERWRITE",
    "CLEANPATH",
    "ADDQUOTES",
    "ESCAPE",
    "ENCRYPTED",
    "AUTO",
}
"""Options without a value."""
