"""Whether a wheel is built as one: what an installer would stumble over, or leave out without a word.

The rules are those of the binary distribution format (wheel 1.0) of the Python packaging specifications.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from penstock_manifest.discovery import headers
from penstock_manifest.format import plain

from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import wheel_parts

_INFO = ".dist-info"
_PARTS = ("METADATA", "WHEEL", "RECORD")
_ENCRYPTED = 1


def listing_problem(filename: str, members: Iterable[zipfile.ZipInfo]) -> str:
    """Return what is wrong with a wheel, by its file name and the list of its members alone; "" for nothing."""
    members = list(members)
    names = [each.filename for each in members]
    outside = next((name for name in names if _leads_out(name)), None)
    if outside is not None:
        return f"its member {plain(repr(outside), 100)} would be unpacked outside the environment"
    if any(each.flag_bits & _ENCRYPTED for each in members):
        return "it is encrypted"
    tops = {name.partition("/")[0] for name in names if "/" in name}
    infos = sorted(each for each in tops if each.endswith(_INFO))
    if len(infos) > 1:
        return f"it has several folders of metadata: {plain(', '.join(infos), 200)}"
    missing = [each for each in _PARTS if not infos or f"{infos[0]}/{each}" not in names]
    if len(missing) == len(_PARTS):
        return "it has no metadata"
    if missing:
        return f"it has no {missing[0]}"
    return _misnamed(filename, infos[0].removesuffix(_INFO))


def content_problem(archive: zipfile.ZipFile) -> str:
    """Return what is wrong with what stands in a wheel whose list of members is sound; "" for nothing.

    Raises:
        OSError, ValueError and what else the library raises: a member cannot be unpacked.
    """
    info = next(name.partition("/")[0] for name in archive.namelist() if name.endswith(f"{_INFO}/METADATA"))
    damaged = archive.testzip()
    if damaged:
        return f"its member {plain(repr(damaged), 100)} is damaged"
    version = headers(archive.read(f"{info}/WHEEL").decode("utf-8", "replace")).get("Wheel-Version", "")
    if version.partition(".")[0] != "1":
        return f"it is of the wheel format {plain(repr(version), 40)}; 1.0 is the one that is known"
    try:
        fields = headers(archive.read(f"{info}/METADATA").decode())
    except UnicodeDecodeError as error:
        return f"its METADATA is not UTF-8 (byte {error.start})"
    return _unreadable(fields.get_all("Requires-Dist") or [], fields.get("Requires-Python") or "")


def _unreadable(requires: list[str], python: str) -> str:
    for text in requires:
        try:
            Requirement(text)
        except ValueError:  # as below
            return f"its requirement {plain(repr(text), 100)} cannot be read"
    try:
        SpecifierSet(python)
    except ValueError:  # no range, or a number of more digits than Python reads
        return f"its Requires-Python {plain(repr(python), 100)} cannot be read"
    return ""


def _leads_out(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) is not None


def _misnamed(filename: str, stem: str) -> str:
    wanted = wheel_parts(filename)
    name, _, version = stem.rpartition("-")
    if wanted and (normalize(name), _plain_version(version)) != (wanted[0], _plain_version(wanted[1])):
        return f"it is named for {wanted[0]} {wanted[1]} and holds {plain(normalize(name), 60)} {plain(version, 40)}"
    return ""


def _plain_version(text: str) -> str:
    from packaging.version import Version  # noqa: PLC0415  loading a wheel's list of names does without

    try:
        return str(Version(text.replace("_", "+") if "+" not in text else text))
    except ValueError:  # no version, or a number of more digits than Python reads
        return text
