"""A real RabbitMQ: Debian's packages, fetched once by `apt-get download`, unpacked and never installed.

`RABBITMQ_ROOT` names a folder with an unpacked system that holds both RabbitMQ and Erlang; then nothing is fetched. Not covered: TLS,
clusters, plugins.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from penstock_testkit.brokers.valkey import answers
from penstock_testkit.processes import bound_to_this_process, free_port, tail, wait_until

ROOT = "RABBITMQ_ROOT"
_ERLANG = (
    "asn1", "base", "crypto", "eldap", "ftp", "inets", "mnesia", "os-mon", "parsetools", "public-key", "runtime-tools", "snmp", "ssl",
    "syntax-tools", "tftp", "tools", "xmerl",
)  # fmt: skip
_START_SECONDS = 60
# A broker beside a suite: two schedulers, none of which spins while it waits for work.
_QUIET = ("+S", "2:2", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none")
_SETTINGS = "listeners.tcp.default = 127.0.0.1:{port}\nloopback_users = none\nlog.console = true\nlog.file = false\n"


class RabbitServer:
    """A server of our own; its queues outlive a kill.

    Attributes:
        port: TCP port on 127.0.0.1; the same after a restart.
        url: Where clients find it.
    """

    def __init__(self, root: Path, folder: Path, settings: str = "") -> None:
        self._settings = _SETTINGS + settings
        self.port, self._root, self._folder = free_port(), root, folder
        self._own_ports = (free_port(), free_port())
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start it, or start it again on what it has, and wait until it takes connections.

        Raises:
            TimeoutError: It takes none, or it has ended.
        """
        (self._folder / "rabbit.conf").write_text(self._settings.format(port=self.port))
        self._parts()
        environ, erts = self._environ(), Path(self._environ()["BINDIR"])
        boot = [*_QUIET, "-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl", "-sasl", "errlog_type", "error"]
        loopback = ["-kernel", "inet_dist_use_interface", "{127,0,0,1}"]
        with (self._folder / "log").open("ab") as log:
            for command in ([str(erts / "epmd")], [str(erts / "erlexec"), *boot, *loopback]):
                bound = bound_to_this_process(command, death_signal=signal.SIGKILL)
                self._processes.append(
                    subprocess.Popen(
                        bound, env=environ, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                    )
                )
        wait_until(
            lambda: answers(self.port) or self._ended(),
            seconds=_START_SECONDS,
            otherwise=self._not_ready,
        )
        if self._ended():
            raise TimeoutError(self._not_ready())

    def _ended(self) -> bool:
        return any(process.poll() is not None for process in self._processes)

    def _not_ready(self) -> str:
        load = " ".join(f"{each:.1f}" for each in os.getloadavg())
        return f"RabbitMQ did not get ready (load {load}):\n{tail(self._folder / 'log')}"

    def kill(self) -> None:
        """End it at once, as a crash does."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()

    def _parts(self) -> None:
        """Link what the server consists of; of its plugins, none."""
        parts = self._folder / "parts"
        if not parts.is_dir():
            parts.mkdir()
            for part in self._home().joinpath("plugins").iterdir():
                if part.name.startswith("rabbitmq_prelaunch") or not part.name.startswith("rabbitmq_"):
                    (parts / part.name).symlink_to(part)

    def _home(self) -> Path:
        return next((self._root / "usr" / "lib" / "rabbitmq" / "lib").glob("rabbitmq_server-*"))

    def _environ(self) -> dict[str, str]:
        erlang, folder = self._root / "usr" / "lib" / "erlang", self._folder
        home, parts = self._home(), str(folder / "parts")
        erts = next(erlang.glob("erts-*")) / "bin"
        distribution, names = self._own_ports
        own = {
            "HOME": "rabbitmq_home", "MNESIA_BASE": "mnesia", "LOG_BASE": "log.d", "CONFIG_FILE": "rabbit.conf", "CONF_ENV_FILE": "none",
            "ENABLED_PLUGINS_FILE": "plugins", "PID_FILE": "pid",
            "GENERATED_CONFIG_DIR": "generated", "ADVANCED_CONFIG_FILE": "advanced.config",
            "QUORUM_DIR": "quorum", "STREAM_DIR": "stream", "FEATURE_FLAGS_FILE": "flags",
        }  # fmt: skip
        return {
            "PATH": f"{erlang / 'bin'}:{os.environ.get('PATH', os.defpath)}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
            "ROOTDIR": str(erlang), "BINDIR": str(erts), "EMU": "beam", "PROGNAME": "erl", "ERL_LIBS": parts,
            "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1",
            **{f"RABBITMQ_{key}": str(folder / name) for key, name in own.items()},
            "RABBITMQ_HOME": str(home), "RABBITMQ_PLUGINS_DIR": parts, "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_NODENAME": f"penstock{self.port}@localhost",
        }  # fmt: skip


@contextlib.contextmanager
def rabbitmq(settings: str = "") -> Iterator[RabbitServer]:
    """Run a server on 127.0.0.1 with a folder of its own, which goes when the server goes.

    Args:
        settings: Further lines of its configuration file.

    RabbitMQ has been seen to stand still for a minute before the first step of its boot, where it reads its plugins; so it finds the parts
    that it needs alone, and one that does not get ready is started a second time, from nothing.
    """
    root = system()
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(_started(root, settings))
        except TimeoutError:
            server = stack.enter_context(_started(root, settings))
        yield server


@contextlib.contextmanager
def _started(root: Path, settings: str) -> Iterator[RabbitServer]:
    folder = Path(tempfile.mkdtemp(prefix="penstock-rabbit-"))
    server = RabbitServer(root, folder, settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def system() -> Path:
    """The folder that holds the unpacked packages; fetched at the first call on a machine.

    Raises:
        FileNotFoundError: They are not there, and cannot be fetched.
    """
    given = os.environ.get(ROOT)
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penstock-testkit"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "rabbitmq.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = cache / "rabbitmq"
        if not done.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                _fetch(Path(folder))
                (Path(folder) / "root").rename(done)
    return done


def _fetch(folder: Path) -> None:
    packages = ["rabbitmq-server", *(f"erlang-{each}" for each in _ERLANG)]
    try:
        subprocess.run(["apt-get", "download", *packages], cwd=folder, check=True, capture_output=True, timeout=300)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder / "root"], check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", None) or b""
        raise FileNotFoundError(
            f"no RabbitMQ: Debian's packages cannot be fetched ({error}: {output.decode(errors='replace')[-500:]}). "
            f"Run apt-get update, or name an unpacked system by {ROOT}."
        ) from error
