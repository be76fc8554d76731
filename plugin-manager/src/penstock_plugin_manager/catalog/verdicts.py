"""Verdicts: what tests have said of a provider's version with a version of the core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from penstock_manifest.format import plain

from penstock_plugin_manager.errors import ManagerError

SCHEMA = 1
PASS, FAIL = "pass", "fail"
_HINT = "plugin-manager test writes such files."


class SuiteRun(NamedTuple):
    """One suite that was run.

    Attributes:
        problems: A line for each test that failed; or why the suite came to no end.
    """

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What tests have said of one provider with one core on one Python.

    Attributes:
        provider: Its id.
        version: Its version.
        core: The core's version.
        python: The Python's version.
        verdict: ``pass`` or ``fail``.
        date: When, as RFC 3339 writes an instant.
        sha256: Hash of the wheel that was tested.
        suites: The suites that were run.
    """

    provider: str
    version: str
    core: str
    python: str
    verdict: str
    date: str
    sha256: str = ""
    suites: tuple[SuiteRun, ...] = ()


def read_verdicts(data: object, origin: str) -> list[Verdict]:
    """Read a file of verdicts from its parsed JSON.

    Args:
        data: The document.
        origin: Where it comes from.

    Raises:
        ManagerError: it is none, of another schema, or a verdict in it says neither ``pass`` nor ``fail``.
    """
    if not isinstance(data, dict) or not isinstance(data.get("verdicts"), list):
        raise ManagerError(f"{origin} is no file of verdicts.", _HINT)
    if data.get("schema") != SCHEMA:
        raise ManagerError(
            f"{origin} has schema {plain(repr(data.get('schema')), 50)}; this manager reads {SCHEMA}.",
            "Update the manager.",
        )
    return [_verdict(item, f"{origin}: verdict {number}") for number, item in enumerate(data["verdicts"], start=1)]


def _verdict(item: object, where: str) -> Verdict:
    if not isinstance(item, dict):
        raise ManagerError(f"{where} is no JSON object.", _HINT)
    names = ("provider", "version", "core", "python", "verdict", "date")
    for name in names:
        if not isinstance(item.get(name), str) or not item[name]:
            raise ManagerError(f"{where}: {name} = {plain(repr(item.get(name)), 80)} must be a text.", _HINT)
    if item["verdict"] not in (PASS, FAIL):
        what = f"{item['provider']} {item['version']} with core {item['core']}"
        raise ManagerError(
            f"{where}: the verdict on {plain(what, 100)} is {plain(repr(item['verdict']), 80)}.",
            "Write pass or fail; a pair that was not tested is left out.",
        )
    suites = item.get("suites", [])
    found = tuple(_suite(each) for each in (suites if isinstance(suites, list) else []) if isinstance(each, dict))
    texts = {name: plain(item[name], 100) for name in names}
    return Verdict(**texts, sha256=plain(str(item.get("sha256", "")), 64), suites=found)


def _suite(item: Mapping[str, Any]) -> SuiteRun:
    counts = {name: item.get(name, 0) for name in ("passed", "failed", "skipped")}
    problems = item.get("problems", [])
    return SuiteRun(
        plain(str(item.get("name", "")), 100),
        **{name: each if isinstance(each, int) else 0 for name, each in counts.items()},
        problems=tuple(plain(str(each), 300) for each in (problems if isinstance(problems, list) else [])),
    )


def verdicts_data(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Return the JSON form of verdicts, the same for equal ones."""
    items = [
        {**each._asdict(), "suites": [{**suite._asdict(), "problems": list(suite.problems)} for suite in each.suites]}
        for each in sorted(verdicts)
    ]
    return {"schema": SCHEMA, "verdicts": items}


def newest_verdicts(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return one verdict for each provider, version, core and Python: the newest."""
    found: dict[tuple[str, ...], Verdict] = {}
    for each in sorted(verdicts, key=lambda verdict: verdict.date):
        found[each.provider, each.version, each.core, each.python] = each
    return sorted(found.values())


def words_by_release(verdicts: Iterable[Verdict]) -> dict[str, dict[str, dict[str, str]]]:
    """Return ``pass`` or ``fail`` by provider id, version and core; what fails on one Python fails."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for each in newest_verdicts(verdicts):
        cores = found.setdefault(each.provider, {}).setdefault(each.version, {})
        cores[each.core] = FAIL if FAIL in (each.verdict, cores.get(each.core)) else PASS
    return found
