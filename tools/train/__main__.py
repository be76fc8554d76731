"""The commands of the release trains; the sessions of ``noxfile.py`` run them."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from train.affected import CORES, Change, change_of, jobs_of, nightly
from train.build import Refused, build_tag, wheel_facts
from train.packages import by_name, packages_of
from train.record import Release
from train.repository import Repository
from train.shelf import add, build_here, fill, rebuild_all, recorded
from train.tags import tag_of
from train.trial import try_wheel, wheel_of
from train.wave import release_wave, standing

ROOT = Path(__file__).parents[2]


def select(repository: Repository, given: argparse.Namespace) -> int:
    """Print the jobs of a change as JSON; ``--github`` hands them to a workflow as the output `jobs`."""
    packages = packages_of(repository.root)
    released = any(each.package == "core" for each in recorded(repository.root))
    jobs = nightly(packages, released=released)
    if given.base and repository.lacks(given.base):
        print(f"{given.base} is not in this clone: all jobs there are", file=sys.stderr)
    elif given.base:
        change: Change = change_of(repository.changed(given.base), packages)
        jobs = jobs_of(change, packages, released=released)
    rows = [{"session": job.session, "words": job.words} for job in jobs]
    print(json.dumps(rows, indent=None if given.github else 1))
    if given.github:
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.write(f"jobs={json.dumps(rows)}\n")
    return 0


def plan(repository: Repository, given: argparse.Namespace) -> int:
    """Print what was released of each package, what comes next, and what is in the way."""
    found = [standing(repository, each) for each in packages_of(repository.root) if each.is_published]
    for each in found:
        comes = f"{each.coming} comes" if each.coming != each.released else "nothing to release"
        print(f"{each.package.name}: {each.released or 'never released'}; {each.problem or comes}")
    return 1 if given.check and any(each.problem for each in found) else 0


def release(repository: Repository, given: argparse.Namespace) -> int:
    """Release packages, each by itself; those that are refused are named, and the exit code is then 1."""
    code = 0
    for name, found in release_wave(repository, given.packages, given.out):
        code = 1 if isinstance(found, Refused) else code
        print(f"{name} is left behind: {found}" if isinstance(found, Refused) else f"{found} is made", flush=True)
    return code


def build(repository: Repository, given: argparse.Namespace) -> int:
    """Build what a tag selects, twice; both builds are the same, and all that names the release agrees."""
    print(build_tag(repository, tag_of(given.tag), given.out))
    return 0


def trial(repository: Repository, given: argparse.Namespace) -> int:
    """Try a built wheel in an environment with what it declares."""
    tag = tag_of(given.tag)
    package = by_name(packages_of(repository.root), tag.package)
    wheel = wheel_of(given.out, package, tag.version)
    print(f"{wheel.name}: {try_wheel(repository, package, wheel)} modules imported, its tests pass")
    return 0


def record(repository: Repository, given: argparse.Namespace) -> int:
    """Write a published release into the record, and commit it; ``--push`` pushes the commit, too."""
    tag = tag_of(given.tag)
    wheel = wheel_of(given.out, by_name(packages_of(repository.root), tag.package), tag.version)
    row = Release(tag.package, tag.version, repository.commit(f"refs/tags/{tag}"), wheel_facts(wheel)["contents"])
    add(repository, row, push=given.push)
    return 0


def rebuild(repository: Repository, given: argparse.Namespace) -> int:
    """Build old wheels again from the record and compare each with what was released."""
    wrong = 0
    for each, problem in rebuild_all(repository, given.release, given.out):
        wrong += bool(problem)
        print(f"{each.package} {each.version}: {problem or 'the same as was released'}", flush=True)
    return 1 if wrong else 0


def wheels(repository: Repository, given: argparse.Namespace) -> int:
    """Fill a folder with the wheels that a package needs from the workspace, and its own with ``--own``."""
    packages = packages_of(repository.root)
    package = by_name(packages, given.package)
    for line in fill(repository, packages, package, given.core, given.out):
        print(line)
    if given.own:
        print(build_here(repository.root, package, given.out))
    return 0


COMMANDS: dict[str, Callable[[Repository, argparse.Namespace], int]] = {
    each.__name__: each for each in (select, plan, release, build, trial, record, rebuild, wheels)
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the clone")
    commands = parser.add_subparsers(dest="command", required=True)
    parts = {name: commands.add_parser(name, help=command.__doc__) for name, command in COMMANDS.items()}
    parts["select"].add_argument(
        "--base", default="", help="the commit to compare with; without it, all jobs there are"
    )
    parts["select"].add_argument("--github", action="store_true", help="hand the jobs to a workflow")
    parts["plan"].add_argument("--check", action="store_true", help="exit code 1 where something is in the way")
    parts["release"].add_argument("packages", nargs="+", metavar="PACKAGE[==VERSION]")
    for name in ("build", "trial", "record"):
        parts[name].add_argument("tag", help="such as core/v1.2.0")
    parts["record"].add_argument("--push", action="store_true", help="push the commit")
    parts["rebuild"].add_argument("release", nargs="?", default="", metavar="PACKAGE[==VERSION]")
    parts["wheels"].add_argument("package")
    parts["wheels"].add_argument("--core", choices=CORES, default=CORES[0], help="which of the siblings' releases")
    parts["wheels"].add_argument("--own", action="store_true", help="the package's own wheel, too")
    for name in ("release", "build", "trial", "record", "rebuild", "wheels"):
        parts[name].add_argument("--out", type=Path, default=ROOT / "dist", help="the folder of the wheels")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what is refused is a sentence."""
    given = _parser().parse_args(arguments)
    try:
        return COMMANDS[given.command](Repository(given.root), given)
    except (Refused, RuntimeError, LookupError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
