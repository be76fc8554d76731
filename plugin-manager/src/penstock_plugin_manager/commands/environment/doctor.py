"""``doctor``: what is broken, and how to mend it."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from penstock_plugin_manager.apply.python import is_stopped_from_outside, mend_interpreter, start_advice, start_problem
from penstock_plugin_manager.arguments import ACCEPTED, BUDGET, Parser, add_change_options, change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.commands.lock.verify import against_lock, link_lines
from penstock_plugin_manager.errors import ERROR, OK, ManagerError, UsageError
from penstock_plugin_manager.installed.damage import damaged
from penstock_plugin_manager.installed.links import is_planted
from penstock_plugin_manager.installed.site import distributions
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import unmet
from penstock_plugin_manager.output import Result, next_command, style


class Problem(NamedTuple):
    """Something that is broken.

    Attributes:
        fixable: Whether installing the distribution again as the lock says would mend it.
    """

    what: str
    problem: str
    advice: str
    fixable: bool = False


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--fix", action="store_true", help="install again, as the lock says, what is damaged or missing"
    )
    parser.add_argument("--bisect", metavar="CMD", help="find the provider without which this command succeeds")
    add_change_options(parser, solves=False)
    options = ("dry_run", "yes", *ACCEPTED, *BUDGET)
    parser.only(options, lambda options: options.fix, "with --fix")
    parser.only(("fix",), lambda options: options.bisect is None, "without --bisect")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Find what is broken: the interpreter, damaged or missing distributions, unmet requirements, unsound providers.

    An interrupted change was finished or undone before. Exit code 1 if anything is broken.
    """
    if options.bisect is not None:
        return _bisect(options.bisect, session)
    found = [*diagnose(session), *diagnose_isolated(session)]
    if options.fix and any(each.fixable for each in found):
        return _fix(options, session)
    lines = []
    for each in found:
        lines += [f"{style(each.what, 'bold')}: {each.problem}", *([f"  {each.advice}"] if each.advice else [])]
    if any(each.fixable for each in found):
        lines.append(next_command("doctor --fix"))
    lines += link_lines(session)
    lines.append(
        f"{len(session.distributions)} distributions, {len(session.every_provider)} providers, {len(found)} problems."
    )
    data = {
        "problems": [each._asdict() for each in found],
        "linked": {name: each.project for name, each in session.links.items()},
    }
    return Result(data, lines, ERROR if found else OK)


def diagnose(session: Session) -> list[Problem]:
    """Return what is broken in the session's environment."""
    environment = session.environment
    found = _interpreter(session)
    present, visible = session.distributions, session.visible_distributions
    for name, damage in damaged(Path(environment.site), sorted(present), environment.state, reread=True).items():
        more = f" ({len(damage)} such files)" if len(damage) > 1 else ""
        found.append(_of_lock(name, f"{damage[0].sentence}{more}", session))
    found += [_of_lock(each.distribution, each.problem, session) for each in against_lock(session)]
    for name, dist in sorted(present.items()):
        found += [Problem(name, problem, "", fixable=True) for problem in unmet(dist, visible, session.markers)]
    found += _of_links(session)
    for each in session.providers:
        advice = f"plugin-manager upgrade {each.id}, or plugin-manager remove {each.id}"
        found += [Problem(f"provider {each.id}", problem, advice) for problem in each.problems]
    return found


def diagnose_isolated(session: Session) -> list[Problem]:
    """Return what is broken in the environments of isolated providers, those included that are not there at all."""
    found = []
    for provider_id in sorted({*session.isolated, *session.intent.isolated_ids}):
        own, what = session.isolated.get(provider_id), f"provider {provider_id}"
        if own is None or not own.has_environment:
            found.append(Problem(what, "its own environment is missing", "", fixable=True))
            continue
        found += [each._replace(what=f"{each.what} (of isolated {provider_id})") for each in diagnose(own)]
    return found


def _of_links(session: Session) -> list[Problem]:
    found = []
    for name, link in session.links.items():
        what, again = f"provider {name}", f"plugin-manager dev link {link.project}, or plugin-manager dev unlink {name}"
        if not Path(link.source).is_dir() or not Path(link.metadata).is_dir():
            found.append(Problem(what, f"it is linked to {link.project}, which is not there", again))
        elif not is_planted(session.environment.site):
            found.append(
                Problem(what, f"it is linked to {link.project}, but this environment does not look for links", again)
            )
        for dist in distributions(link.metadata).values():
            problems = unmet(dist, session.visible_distributions, session.markers)
            found += [
                Problem(what, f"linked to {link.project}, it {problem}", "Install that by hand.")
                for problem in problems
            ]
    return found


def _of_lock(name: str, problem: str, session: Session) -> Problem:
    """Return the problem of a distribution: the manager mends what the lock names, and what was installed by hand is not its own."""
    locked = session.lock.for_environment(session.markers) if session.lock else {}
    if name in locked:
        return Problem(name, problem, "", fixable=True)
    return Problem(name, problem, "It was installed by hand: install it again, or remove it.")


def _interpreter(session: Session) -> list[Problem]:
    environment = session.environment
    problem = start_problem(environment)
    if problem:
        fixable = not is_stopped_from_outside(environment)
        return [Problem(environment.python, problem, "" if fixable else start_advice(environment), fixable=fixable)]
    problem = start_problem(environment, "import penstock") if CORE in session.distributions else ""
    return [Problem("the core", problem, "", fixable=True)] if problem else []


def _fix(options: argparse.Namespace, session: Session) -> Result:
    """Make interpreters anew that do not start; then install again what is damaged or missing, as every change does."""
    for own in session.environments.values():
        problem = "" if options.dry_run else start_problem(own.environment)
        if problem and is_stopped_from_outside(own.environment):
            if not own.environment.has_generations:  # the next generation is made of the lock's files alone
                raise ManagerError(f"{own.environment.python} {problem}.", start_advice(own.environment))
        elif problem:
            with session.holding("doctor --fix"):
                mend_interpreter(own.environment, session.resolver)
            session.console.note(f"{own.environment.python} was made anew.")
    session = session.with_options()
    if not session.intent.providers and not session.lock:
        raise ManagerError(
            "There is no intent to mend the environment by.", "Name the providers: plugin-manager install ID"
        )
    return change(
        lambda: ChangeRequest("doctor --fix", session.intent), "doctor --fix", change_options(options), session
    )


def find_culprit(ids: Sequence[str], good: Callable[[Sequence[str]], bool]) -> str | None:
    """Return the one id without which a command succeeds, in about log2(n) trials.

    Args:
        ids: The candidates.
        good: Tells whether the command succeeds while the given ids are disabled.

    Returns:
        The culprit, or None where no single one is to blame.
    """
    suspects = list(ids)
    if not suspects or not good(suspects):
        return None
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        rest = suspects[len(suspects) // 2 :]
        suspects = half if good(half) else rest
    return suspects[0] if good(suspects) else None


def _bisect(command: str, session: Session) -> Result:
    words = shlex.split(command)
    if not words:
        raise UsageError("--bisect needs a command.", 'Such as: plugin-manager doctor --bisect "penstock dags list"')
    trials = 0
    scripts = str(Path(session.environment.scripts))

    def good(disabled: Sequence[str]) -> bool:
        nonlocal trials
        trials += 1
        variables = {
            **os.environ,
            "PATH": scripts + os.pathsep + os.environ.get("PATH", ""),
            "PENSTOCK_DISABLED_PROVIDERS": ",".join(disabled),
        }
        try:
            done = subprocess.run(words, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=variables)
        except OSError as error:
            raise UsageError(f"{words[0]} cannot be run: {error.strerror}.") from None
        return done.returncode == 0

    if good([]):
        return Result({"culprit": None, "trials": trials}, ["The command succeeds with every provider enabled."])
    found = find_culprit([each.id for each in session.every_provider], good)
    data = {"culprit": found, "trials": trials}
    if found is None:
        return Result(data, [f"No single provider is to blame; {trials} trials."], ERROR)
    return Result(data, [f"Without {found!r} the command succeeds; {trials} trials.", next_command(f"disable {found}")])
