"""Rows of load files: records, fields and errors, into blocks that PostgreSQL's COPY reads.

Source: the pages "Data format parameters", "Data conversion parameters" and "Data load operations" of the Amazon
Redshift Database Developer Guide. Not covered: FIXEDWIDTH, columnar formats.
"""

import codecs
import csv
import json
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from penstock_testkit.redshift.commands import Copy
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.jsonpaths import Path, element, read_paths
from penstock_testkit.redshift.objects import Objects, Source, source_of
from penstock_testkit.redshift.values import Column, Conversions, FieldError, converter

_BLOCK_BYTES = 64 * 1024
_JSON_BYTES = 4 * 1024 * 1024
_ROW_BYTES = 4 * 1024 * 1024
csv.field_size_limit(_ROW_BYTES)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class LoadError:
    """A record that could not be loaded, as STL_LOAD_ERRORS tells it."""

    file: str
    line: int
    raw_line: str
    code: int
    reason: str
    column: Column | None = None
    raw_value: str = ""


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    raw: str
    fields: list[str | None] | FieldError


class TooManyErrorsError(Exception):
    """More records failed than MAXERROR allows."""


class Loader:
    """Reads the objects of one COPY.

    Attributes:
        rows: Records read so far that can be loaded.
        bytes: Their size after decompression.
        errors: Records that can not.
    """

    def __init__(self, copy: Copy, columns: list[Column]) -> None:
        self._copy = copy
        self._columns = columns
        flags = copy.flags
        conversions = Conversions(
            date_format=copy.date_format,
            time_format=copy.time_format,
            truncate="TRUNCATECOLUMNS" in flags,
            accept_any_date="ACCEPTANYDATE" in flags,
            round_decimals="ROUNDEC" in flags,
        )
        self._converters = [converter(column, conversions) for column in columns]
        self._paths: list[Path] | None = None
        self._limit = max(1, copy.max_error) if "IGNOREALLERRORS" not in flags else None
        self.rows = 0
        self.bytes = 0
        self.errors: list[LoadError] = []

    def blocks(self, objects: Objects, sources: list[Source]) -> Generator[bytes, None, None]:
        """Yield rows in PostgreSQL's text format, in blocks of about 64 kB.

        Raises:
            TooManyErrorsError: `errors` holds them.
            RedshiftError: An object cannot be read or is not compressed as COPY was told.
        """
        if "://" in self._copy.json_option:
            place = source_of(self._copy.json_option)
            with objects.open(place, "") as stream:
                self._paths = read_paths(stream.read(), place.url, len(self._columns))
        block = bytearray()
        for source in sources:
            with objects.open(source, self._copy.compression) as stream:
                try:
                    for record in self._records(stream):
                        block += self._row(source, record)
                        if len(block) >= _BLOCK_BYTES:
                            yield bytes(block)
                            block.clear()
                except (OSError, EOFError) as error:
                    raise RedshiftError(f"error reading {source.url}: {error}", "XX000") from None
        if block:
            yield bytes(block)

    def _row(self, source: Source, record: _Record) -> bytes:
        column, raw = None, ""
        try:
            if isinstance(record.fields, FieldError):
                raise record.fields
            values = []
            for column, convert, field in zip(
                self._columns, self._converters, self._counted(record.fields), strict=True
            ):
                raw = field or ""
                values.append(self._value(column, convert, field))
        except FieldError as error:
            self.errors.append(LoadError(source.url, record.line, record.raw, error.code, error.reason, column, raw))
            if self._limit is not None and len(self.errors) >= self._limit:
                raise TooManyErrorsError from None
            return b""
        self.rows += 1
        line = "\t".join("\\N" if value is None else value.translate(_ESCAPES) for value in values)
        return line.encode() + b"\n"

    def _counted(self, fields: list[str | None]) -> list[str | None]:
        missing = len(self._columns) - len(fields)
        if missing < 0 and not (missing == -1 and fields[-1] == "" and self._copy.format == "TEXT"):
            raise FieldError(1202, "Extra column(s) found")
        if missing > 0:
            if "FILLRECORD" not in self._copy.flags:
                raise FieldError(1214, "Delimiter not found")
            return [*fields, *[None] * missing]
        return fields[: len(self._columns)]

    def _value(self, column: Column, convert: Any, field: str | None) -> str | None:  # noqa: ANN401
        is_null = field is None or (field == self._copy.null_as and self._copy.format != "JSON")
        value = None if is_null or field is None else self._clean(column, field)
        converted = None if value is None else convert(value)
        if converted is None and column.required:
            raise FieldError(1213, "Missing data for not-null field")
        return converted

    def _clean(self, column: Column, field: str) -> str | None:
        flags = self._copy.flags
        if "\0" in field:
            raise FieldError(1216, "Missing newline: Unexpected character 0x0 found")
        if re.search("[\udc80-\udcff]", field):
            if self._copy.invalid_char is None:
                bad = field.encode(errors="surrogateescape").hex()[:8]
                reason = f"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {bad}"
                raise FieldError(1220, reason)
            field = re.sub("[\udc80-\udcff]", self._copy.invalid_char, field)
        if not column.is_text:
            return field
        if "TRIMBLANKS" in flags:
            field = field.rstrip(" ")
        empty = ("EMPTYASNULL" in flags and not field) or ("BLANKSASNULL" in flags and not field.strip())
        return None if empty else field

    def _records(self, stream: IO[bytes]) -> Iterator[_Record]:
        lines = self._lines(stream)
        if self._copy.format == "JSON":
            return self._json_records(lines)
        return self._csv_records(lines) if self._copy.format == "CSV" else self._text_records(lines)

    def _lines(self, stream: IO[bytes]) -> Iterator[tuple[int, str]]:
        decode = _decoder(self._copy.encoding)
        number = 0
        for number, line in enumerate(_raw_lines(stream), 1):
            self.bytes += len(line)
            text = decode(line)
            if number == 1:
                text = text.removeprefix("\ufeff")
            if number > self._copy.ignore_header:
                yield number, text

    def _csv_records(self, lines: Iterator[tuple[int, str]]) -> Iterator[_Record]:
        taken: list[tuple[int, str]] = []

        def recorded() -> Iterator[str]:
            for number, line in lines:
                taken.append((number, line))
                yield line

        source = recorded()
        while True:
            # A new reader a record: one that failed within a quote would take later lines into its field.
            reader = csv.reader(source, delimiter=self._copy.delimiter, quotechar=self._copy.quote, strict=True)
            taken.clear()
            fields: list[str | None] | FieldError
            try:
                fields = list[str | None](next(reader))
            except StopIteration:
                return
            except csv.Error as error:
                fields = FieldError(1216, f"Invalid quote formatting for CSV: {error}")
            raw = "".join(line for _, line in taken).rstrip("\r\n")
            if not raw and "IGNOREBLANKLINES" in self._copy.flags:
                continue
            yield _Record(taken[-1][0], raw, fields or [""])

    def _text_records(self, lines: Iterator[tuple[int, str]]) -> Iterator[_Record]:
        escape = "ESCAPE" in self._copy.flags
        for number, line in lines:
            raw = line.rstrip("\r\n")
            while escape and (len(raw) - len(raw.rstrip("\\"))) % 2:
                continued = next(lines, None)
                if continued is None:
                    break
                raw = f"{raw}\n{continued[1].rstrip(chr(10))}"
            if not raw and "IGNOREBLANKLINES" in self._copy.flags:
                continue
            yield _Record(number, raw, self._text_fields(raw))

    def _split(self, raw: str, *, escape: bool) -> list[str]:
        quoting = "REMOVEQUOTES" in self._copy.flags
        parts, part, quote = list[str](), "", ""
        for at, character in enumerate(characters := _units(raw, escape=escape)):
            if quoting and not part and character in {"'", '"'}:
                quote = character
            elif character == quote and characters[at + 1 : at + 2] in ([], [self._copy.delimiter]):
                quote = ""
            if character == self._copy.delimiter and not quote:
                parts.append(part)
                part = ""
            else:
                part += character
        return [*parts, part]

    def _text_fields(self, raw: str) -> list[str | None] | FieldError:
        escape = "ESCAPE" in self._copy.flags
        fields = list[str | None]()
        for written in self._split(raw, escape=escape):
            part = written
            if written == self._copy.null_as:
                fields.append(None)
                continue
            if "REMOVEQUOTES" in self._copy.flags and written[:1] in {"'", '"'}:
                if len(written) < 2 or _units(written, escape=escape)[-1] != written[0]:
                    return FieldError(1203, "Delimited value missing end quote")
                part = written[1:-1]
            fields.append(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) if escape else part)
        return fields

    def _json_records(self, lines: Iterable[tuple[int, str]]) -> Iterator[_Record]:
        # Numbers stay text, digit for digit, for columns of numbers and of text.
        decoder = json.JSONDecoder(parse_float=str, parse_int=str)
        buffer, start = "", 0
        for number, line in lines:
            start = start if buffer else number
            buffer = (buffer + line).lstrip()
            while buffer:
                try:
                    document, end = decoder.raw_decode(buffer)
                    fields = self._json_fields(document, buffer[:end])
                except (ValueError, RecursionError) as error:  # numbers and nesting beyond what Python reads as well
                    at_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(buffer.rstrip())
                    if at_end and len(buffer) < _JSON_BYTES:
                        break  # the document goes on in the next line
                    yield _Record(start, buffer.rstrip("\r\n"), FieldError(1223, f"Invalid JSON: {error}"))
                    buffer = ""
                else:
                    yield _Record(start, buffer[:end], fields)
                    buffer, start = buffer[end:].lstrip(), number
        if buffer:
            yield _Record(start, buffer.rstrip("\r\n"), FieldError(1223, "Invalid JSON: the document does not end"))

    def _json_fields(self, document: Any, written: str) -> list[str | None] | FieldError:  # noqa: ANN401 - any JSON
        if self._paths is not None:
            whole = json.loads(written)
            found = [(element(document, path), element(whole, path)) for path in self._paths]
            return [_json_text(*each, column) for each, column in zip(found, self._columns, strict=True)]
        if not isinstance(document, dict):
            return FieldError(1223, "Invalid JSON structure: a record must be a JSON object")
        nested = any(isinstance(value, dict | list) for value in document.values())
        exact = json.loads(written) if nested or any(column.type == "jsonb" for column in self._columns) else document
        if self._copy.json_option == "auto ignorecase":
            document = {key.lower(): value for key, value in document.items()}
            exact = {key.lower(): value for key, value in exact.items()}
        return [_json_text(document.get(column.name), exact.get(column.name), column) for column in self._columns]


def _units(raw: str, *, escape: bool) -> list[str]:
    """Return the characters of a line; a backslash and what it escapes are one."""
    return re.findall(r"\\.|.", raw, flags=re.DOTALL) if escape else list(raw)


def _json_text(value: Any, exact: Any, column: Column) -> str | None:  # noqa: ANN401 - any JSON
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and column.type != "jsonb":
        return value
    return json.dumps(exact, ensure_ascii=False, separators=(",", ":"))


def _decoder(encoding: str) -> Any:  # noqa: ANN401 - the codecs module has no name for its functions' type
    try:
        found = codecs.lookup({"utf8": "utf-8", "iso88591": "iso-8859-1"}.get(encoding.lower(), encoding))
    except LookupError:
        raise RedshiftError(f"encoding '{encoding}' is not supported", "22023") from None
    return lambda line: found.decode(line, "surrogateescape")[0]


def _raw_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield lines that end at a line feed alone; a body from S3 has no such method that also reads to the end."""
    rest = b""
    while chunk := stream.read(_BLOCK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def table_columns(rows: list[list[str | None]], copy: Copy) -> list[Column]:
    """Choose the columns that a COPY loads, in the order of its fields.

    Args:
        rows: The table's columns as the catalog's query returns them.
        copy: The command.

    Raises:
        RedshiftError: The column list names an unknown or an identity column, or leaves out a required one.
    """
    columns = {
        str(row[0]): Column(str(row[0]), str(row[1]), int(row[2] or -1), row[3] == "t", row[4] == "t", row[6] == "t")
        for row in rows
    }
    explicit = "EXPLICIT_IDS" in copy.flags
    if not copy.columns:
        return [column for column in columns.values() if explicit or not column.identity]
    for name in copy.columns:
        if name not in columns:
            raise RedshiftError(f'column "{name}" of relation "{copy.table_name}" does not exist', "42703")
        if columns[name].identity and not explicit:
            raise RedshiftError(f'cannot set an identity column "{name}" to a value', "0A000")
    for column in columns.values():
        generated = column.identity or column.has_default
        if column.required and not generated and column.name not in copy.columns:
            message = f'cannot load: NOT NULL column "{column.name}" has no default and is not in the column list'
            raise RedshiftError(message, "42601")
    return [columns[name] for name in copy.columns]
