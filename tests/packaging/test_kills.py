"""What a kill leaves behind: 42 moments of install, upgrade, remove and rollback, in both kinds of environment."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from penstock_plugin_manager.apply.files import read_json
from penstock_testkit.nightly import nightly_but

ALPHA = {"penstock-core": "0.2.0", "penstock-providers-alpha": "2.0", "lib-a": "1.5"}
OLD_ALPHA = ALPHA | {"penstock-providers-alpha": "1.1"}
BETA = {"penstock-providers-beta": "1.0", "lib-b": "1.0", "lib-deep": "1.0"}
VERBS = {
    "install": (["install", "beta"], ALPHA, ALPHA | BETA),
    "remove": (["remove", "beta", "--prune"], ALPHA | BETA, ALPHA),
    "upgrade": (["upgrade", "alpha"], OLD_ALPHA, ALPHA),
    "rollback": (["rollback"], ALPHA | BETA, ALPHA),
}
CASES = [(verb, kind) for verb in VERBS for kind in ("generations", "plain") if (verb, kind) != ("rollback", "plain")]
MOMENTS = 6
KEPT = [("install", "generations"), ("upgrade", "plain")]
"""What is killed with each change of the code, and not at night alone."""


def prepare(world, verb: str) -> None:
    world.pm("install", "alpha" if verb != "upgrade" else "alpha<2")
    if verb in {"remove", "rollback"}:
        world.pm("install", "beta")
    if verb == "upgrade":
        world.intent.write_text(world.intent.read_text().replace("alpha<2", "alpha"))
        world.lock.unlink()


def again(world, template) -> None:
    """Put a world back to what it was."""
    shutil.rmtree(world.folder)
    shutil.copytree(template, world.folder, symlinks=True)


def run_until(world, words: list[str], seconds: float, *, at_work: bool) -> tuple[bool, float]:
    """Start a call and kill it, and all that it started, some seconds after its begin or after its journal appeared.

    Returns:
        Whether it was killed, and how many of these seconds it lasted.
    """
    process = subprocess.Popen(
        world.command(*words), cwd=world.folder, env=world.variables, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while at_work and phase(world) == "none" and process.poll() is None:
        time.sleep(0.001)  # a real process is watched from outside
    start = time.perf_counter()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_until_gone(process.pid)
        return True, seconds
    return False, time.perf_counter() - start


def wait_until_gone(group: int) -> None:
    """Wait for the end of what the killed had started: it has its lock until then."""
    until = time.perf_counter() + 60
    with contextlib.suppress(ProcessLookupError):
        while time.perf_counter() < until:
            os.killpg(group, 0)
            time.sleep(0.01)  # a real process is watched from outside


def phase(world) -> str:
    """Return how far the call came, as its journal says."""
    for place in (world.env / ".penstock", world.env.with_name(".venv.generations")):
        journal = read_json(place / "journal.json")
        if journal:
            return str(journal["phase"])
    return "none"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", nightly_but(KEPT, CASES), ids="-".join)
def test_a_kill_at_any_moment_leaves_the_environment_as_before_or_as_planned(request, tmp_path, case):
    verb, kind = case
    seed = os.environ.get("PENSTOCK_TEST_SEED", f"{verb} {kind}")
    sys.stdout.write(f"PENSTOCK_TEST_SEED={seed!r}\n")
    chance = random.Random(seed)
    world = request.getfixturevalue("generations" if kind == "generations" else "uv_world")
    words, before, after = VERBS[verb]
    prepare(world, verb)
    template = tmp_path.with_name(f"{tmp_path.name}-template")
    shutil.copytree(world.folder, template, symlinks=True)
    pictures = {"before": world.picture()}
    assert world.sound() == before
    world.pm(*words)  # this fills uv's cache
    lasts = {}
    for at_work in (False, True):
        again(world, template)
        _, lasts[at_work] = run_until(world, words, 60, at_work=at_work)
    pictures["after"] = world.picture()
    assert world.sound() == after
    phases: list[str] = []
    for number in range(MOMENTS):
        again(world, template)
        at_work = number % 2 == 1  # every second one is aimed at the time from the first write to the end
        share = (number // 2 + chance.random()) / (MOMENTS // 2)
        killed, lasted = run_until(world, words, share * lasts[at_work], at_work=at_work)
        lasts[at_work] = lasts[at_work] if killed else lasted  # the machine is busier or idler than it was
        phases.append(phase(world) if killed else "done")
        where = "the work" if at_work else "the call"
        sys.stdout.write(f"killed after {share:.2f} of {where}: {phases[-1]}\n")
        if kind == "generations":
            assert world.sound() in (before, after)
        said = world.pm("doctor", "--json")
        found = world.picture()
        assert found in pictures.values(), [each for each in found if found[each] != pictures["before"].get(each)]
        assert ("interrupted" in said.err) == (phases[-1] not in {"none", "done"})
        if found == pictures["before"] and phases[-1] not in phases[:-1]:  # once after each kind of interruption
            world.pm(*words)
            assert world.picture() == pictures["after"]
    assert verb == "rollback" or {"building", "changing"} & set(phases), "no kill met the tools at work"


def test_a_plain_environment_keeps_no_history_to_return_to(uv_world):
    said = uv_world.pm("rollback", expect=1)
    assert "keeps no history" in said.err
