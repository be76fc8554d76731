"""``test``: a provider's suites in clean environments, one for each core."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from penstock_plugin_manager.apply.files import write_text
from penstock_plugin_manager.arguments import Parser, add_source_options, seconds
from penstock_plugin_manager.catalog.verdicts import (
    FAIL,
    SuiteRun,
    Verdict,
    newest_verdicts,
    read_verdicts,
    verdicts_data,
)
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.conformance.subject import read_subject
from penstock_plugin_manager.conformance.trial import Trial
from penstock_plugin_manager.errors import INCOMPATIBLE, OK, IncompatibleError, ManagerError, MissingError, as_sentence
from penstock_plugin_manager.output import Result, style
from penstock_plugin_manager.resolve.choose import choose
from penstock_plugin_manager.resolve.process import Runner


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("path", help="a wheel, a source distribution or a provider's folder")
    parser.add_argument(
        "--core", metavar="VERSION", nargs="+", default=[], help="cores to test with (default: the newest that fits)"
    )
    parser.add_argument("--base", metavar="PATH", help="interpreter to make environments from (default: this one)")
    parser.add_argument("--suite-only", action="store_true", help="leave the provider's own tests out")
    parser.add_argument(
        "--limit", metavar="SECONDS", type=seconds, default=600.0, help="how long a suite may take (default: 600)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="put the verdicts into this file, beside those it has")
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Test a provider with each core: in an environment of only its dependencies, that core and pytest. Exit code 5 if it fails.

    The suite is the core's own, ``penstock.testing.provider_suite``. The provider's own tests are run after it, if they lie beside
    its source, with what its dependency group or extra ``tests`` names.

    Raises:
        MissingError: there is no such file, or no such core.
    """
    before = _kept(Path(options.output)) if options.output else []
    resolver = choose(session.options.resolver, Runner(session.console.progress()), session.client)
    base = options.base or getattr(sys, "_base_executable", sys.executable)
    trial = Trial(resolver, session, base, options.limit, not options.suite_only)
    found: list[Verdict] = []
    apart: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="penstock-") as name:
        folder = Path(name)
        subject = read_subject(Path(options.path), folder, partial(resolver.build, base=base, sources=session.sources))
        for number, core in enumerate(options.core or [""]):
            place = folder / f"core-{number}"
            place.mkdir()
            try:
                found += trial.run(subject, core, place)
            except IncompatibleError as error:
                apart.append({"core": core, "reason": str(error)})
            except MissingError:
                if not found:  # a mistyped number is told at once, and what was found before is not lost for it
                    raise
                apart.append({"core": core, "reason": f"there is no core {core}"})
    data = {**verdicts_data(found), "not_tested": apart}
    lines = [line for each in found for line in _lines(each)]
    lines += [f"not tested with core {each['core'] or 'any'}: {each['reason']}" for each in apart]
    if options.output and found:
        text = json.dumps(verdicts_data(newest_verdicts([*before, *found])), indent=1) + "\n"
        write_text(Path(options.output).absolute(), text)
        lines.append(f"Wrote {options.output}; a catalog carries it: plugin-manager catalog build --verdicts")
    failed = bool(apart) or any(each.verdict == FAIL for each in found)
    return Result(data, lines, INCOMPATIBLE if failed else OK)


def _kept(path: Path) -> Sequence[Verdict]:
    if not path.exists():
        return []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManagerError(f"{path} cannot be read: {as_sentence(error)}", "Name another file with -o.") from None
    return read_verdicts(data, str(path))


def _lines(verdict: Verdict) -> list[str]:
    word = style(verdict.verdict, "red" if verdict.verdict == FAIL else "green")
    runs = "; ".join(f"{each.name}: {_counts(each)}" for each in verdict.suites)
    head = f"{verdict.provider} {verdict.version} with core {verdict.core} on Python {verdict.python}: {word} ({runs})"
    return [head, *(f"  {problem}" for each in verdict.suites for problem in each.problems)]


def _counts(suite: SuiteRun) -> str:
    pairs = (("passed", suite.passed), ("failed", suite.failed), ("skipped", suite.skipped))
    return ", ".join(f"{count} {name}" for name, count in pairs if count) or "no test"
