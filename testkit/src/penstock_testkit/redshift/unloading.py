"""UNLOAD: the result of a query into S3 objects.

Source: "UNLOAD" of the Amazon Redshift Database Developer Guide. The fake has two slices. Not covered: Parquet,
PARTITION BY, splitting at MAXFILESIZE, the schema that MANIFEST VERBOSE adds.
"""

import asyncio
import bz2
import csv
import gzip
import io
import json
import re
from collections.abc import Callable

from penstock_testkit.redshift import wire
from penstock_testkit.redshift.backend import Backend
from penstock_testkit.redshift.commands import Unload
from penstock_testkit.redshift.copying import Place, checked
from penstock_testkit.redshift.dialect import rewrite
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Statement, statements

_SLICES = 2
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
_NOT_EMPTY = (
    "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing "
    "the target files in S3, or using the ALLOWOVERWRITE option."
)


async def run_unload(backend: Backend, unload: Unload, place: Place) -> bytes:
    """Run an UNLOAD in the transaction the backend is in.

    Returns:
        The frames that tell the client of its success.

    Raises:
        RedshiftError: It failed.
    """
    sql = _query(unload)
    if "CLEANPATH" in unload.flags:
        await asyncio.to_thread(place.objects.delete, unload.target)
    present = await asyncio.to_thread(place.objects.keys, unload.target)
    if present and "ALLOWOVERWRITE" not in unload.flags:
        raise RedshiftError(_NOT_EMPTY, "XX000", f"error: {_NOT_EMPTY} code: 8001")
    if unload.format == "JSON":
        sql = f"SELECT row_to_json(penstock_row)::text FROM ({sql}\n) AS penstock_row"  # noqa: S608
    # The query may end in a comment, which a line end ends.
    answer = checked(await backend.run(f"COPY ({sql}\n) TO STDOUT (HEADER)"))
    lines = b"".join(payload for kind, payload in answer.messages if kind == b"d").decode().split("\n")[:-1]
    header, *rows = [[_field(part) for part in line.split("\t")] for line in lines]
    files = _files(unload, header, rows)
    await asyncio.to_thread(_write, unload, files, place)
    await backend.run(f"SELECT set_config('penstock_redshift.last_unload_count', '{len(rows)}', false)")
    notice = wire.notice(f"UNLOAD completed, {len(rows)} record(s) unloaded successfully.")
    return notice + wire.command_complete("UNLOAD")


Row = list[str | None]


def _query(unload: Unload) -> str:
    parsed = statements(unload.query)
    if len(parsed) != 1 or parsed[0].tokens[0].word not in {"SELECT", "WITH", "("}:
        raise RedshiftError("UNLOAD needs one SELECT statement", "42601")
    if _has_outer_limit(parsed[0]):
        raise RedshiftError("Limit clause is not supported", "0A000")
    return rewrite(parsed[0])


def _has_outer_limit(query: Statement) -> bool:
    depth = 0
    for token in query.tokens:
        depth += {"(": 1, ")": -1}.get(token.word, 0)
        if depth == 0 and token.word in {"LIMIT", "TOP"}:
            return True
    return False


def _field(part: str) -> str | None:
    if part == "\\N":
        return None
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), part)


def _files(unload: Unload, header: Row, rows: list[Row]) -> list[tuple[str, bytes, int]]:
    """Return suffix, body and number of rows of each object."""
    ending = {"GZIP": ".gz", "BZIP2": ".bz2"}.get(unload.compression, "")
    ending = f".{unload.extension}" if unload.extension is not None else ending
    slices = {f"{number:04d}_part_00": rows[number::_SLICES] for number in range(_SLICES)}
    parts = slices if unload.parallel else {"000": rows}
    if unload.format == "JSON" and not rows:
        return []
    return [
        (f"{name}{ending}", _compressed(unload, _body(unload, header, part)), len(part)) for name, part in parts.items()
    ]


def _body(unload: Unload, header: Row, rows: list[Row]) -> str:
    if unload.format == "JSON":
        return "".join(f"{_redshifts_json(str(row[0]))}\n" for row in rows)
    shown = [header, *rows] if "HEADER" in unload.flags else rows
    out = io.StringIO()
    if unload.format == "CSV":
        writer = csv.writer(out, delimiter=_delimiter(unload), lineterminator="\n")
        for row in shown:
            # The writer would quote a lone empty field; Redshift writes an empty line.
            out.write("\n") if row in ([None], [""]) else writer.writerow(_with_nulls(unload, row))
    else:
        for row in shown:
            out.write(_delimiter(unload).join(_text(unload, field) for field in row) + "\n")
    return out.getvalue()


def _redshifts_json(row: str) -> str:
    """Write the columns' booleans as `t` and `f`, and leave all else, digit for digit, as it is."""
    decoder, parts, at = json.JSONDecoder(), list[str](), 1
    while at < len(row) - 1:
        _, colon = decoder.raw_decode(row, at)
        _, end = decoder.raw_decode(row, colon + 1)
        value = row[colon + 1 : end]
        parts.append(row[at : colon + 1] + {"true": '"t"', "false": '"f"'}.get(value, value))
        at = end + 1
    return "{" + ",".join(parts) + "}"


def _delimiter(unload: Unload) -> str:
    return "," if unload.format == "CSV" and unload.delimiter == "|" else unload.delimiter


def _with_nulls(unload: Unload, row: Row) -> list[str]:
    return [unload.null_as if field is None else field for field in row]


def _text(unload: Unload, field: str | None) -> str:
    if field is None:
        return unload.null_as
    if "ESCAPE" in unload.flags:
        special = re.escape(unload.delimiter) + r"\\\n\r" + (r"""\"'""" if "ADDQUOTES" in unload.flags else "")
        field = re.sub(f"([{special}])", r"\\\1", field)
    return f'"{field}"' if "ADDQUOTES" in unload.flags else field


def _compressed(unload: Unload, body: str) -> bytes:
    compress: dict[str, Callable[[bytes], bytes]] = {"GZIP": gzip.compress, "BZIP2": bz2.compress}
    return compress.get(unload.compression, bytes)(body.encode())


def _write(unload: Unload, files: list[tuple[str, bytes, int]], place: Place) -> None:
    bucket, _, prefix = unload.target.removeprefix("s3://").partition("/")
    verbose = "VERBOSE" in unload.flags
    entries = []
    for suffix, body, count in files:
        place.objects.write(bucket, prefix + suffix, body)
        meta = {"content_length": len(body)} | ({"record_count": count} if verbose else {})
        entries.append({"url": f"{unload.target}{suffix}", "meta": meta})
    if "MANIFEST" in unload.flags:
        place.objects.write(bucket, f"{prefix}manifest", json.dumps({"entries": entries}).encode())
