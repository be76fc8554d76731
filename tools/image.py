"""Builds the image of ``deploy/image/Containerfile`` by buildah, and runs it as a cluster would; ends with 1 if it is not as it says.

It takes root, and Debian's packages ``buildah`` and ``debootstrap``. The base is a Debian of its own with Python, as no registry of
images is asked. The image is run without a container engine: as the first process of its own namespaces, without network and
capabilities, its root read-only.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import wheels

ROOT = Path(__file__).parent.parent
SUITE = "trixie"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
BASE, IMAGE = "localhost/penstock-base:1", "localhost/penstock:1"
USER = 10_001
_REQUIREMENTS = "penstock-core[postgres]\npenstock-server\n"
_PATIENCE_S, _END_S = 90.0, 20.0
Found = TypeVar("Found")
_DAG = """\
import os
import subprocess

from penstock import DAG, task

with DAG("alone"):

    @task
    def leave() -> None:
        # A process that nobody waits for any more becomes a child of the first one.
        subprocess.run(["sh", "-c", "setsid sh -c 'sleep 0.2' & exit 0"], check=True)
        assert os.getuid() == 10001
        try:
            open("/srv/penstock/written", "w")
        except OSError as error:
            print(f"refused: {error.strerror}")
        else:
            raise SystemExit("the root can be written to")

    leave()
"""
_CONTAINED = """
root=$1; state=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for each in null zero random urandom; do touch "$root/dev/$each"; mount --bind "/dev/$each" "$root/dev/$each"; done
mkdir "$root/dev/shm"; mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount --bind "$state" "$root/var/lib/penstock"
exec chroot "$root" setpriv --reuid 10001 --regid 0 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- \
    env -i -C /srv/penstock "$@"
"""


class Builder:
    """buildah with a storage of its own.

    Args:
        folder: Where it keeps what it builds.
    """

    def __init__(self, folder: Path) -> None:
        self._words = [
            "buildah",
            "--root",
            str(folder / "storage"),
            "--runroot",
            str(folder / "run"),
            "--storage-driver",
            "vfs",
        ]

    def __call__(self, *words: object) -> str:
        """What a command prints."""
        ended = subprocess.run([*self._words, *map(str, words)], check=False, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(f"buildah {words[0]} failed:\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}")
        return ended.stdout.strip()

    def base(self, folder: Path) -> None:
        """Make the base: a Debian with Python, as nothing can be asked of a registry."""
        words = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(folder)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        container = self("from", "scratch")
        self("add", "-q", container, folder, "/")
        self("commit", "-q", container, BASE)
        self("rm", container)

    def image(self, context: Path) -> None:
        """Build the image; certificates of this machine vouch for the package index that it asks."""
        certificates = "--volume=/etc/ssl/certs:/etc/ssl/certs:ro"
        self(
            "bud",
            "--isolation=chroot",
            "--pull-never",
            certificates,
            "--build-arg",
            f"BASE={BASE}",
            "-t",
            IMAGE,
            context,
        )


def make_context(folder: Path) -> None:
    """Make the folder of a project, as the container file wants it."""
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "alone.py").write_text(_DAG)
    (folder / "penstock.toml").write_text('[core]\ndags_folder = "dags"\n')
    (folder / "requirements.txt").write_text(_REQUIREMENTS)
    for name in ("Containerfile", ".containerignore"):
        shutil.copy(ROOT / "deploy" / "image" / name, folder / name)
    wheels.build_wheels(ROOT, folder / "wheels")


@contextmanager
def running(root: str, state: Path, config: dict[str, list[str]]) -> Iterator[tuple[int, Callable[..., str]]]:
    """Run the image; gives the process that is the first one inside, and what runs a command beside it."""
    words = [
        "unshare",
        "--mount",
        "--pid",
        "--net",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child=SIGKILL",
        "sh",
        "-euc",
        _CONTAINED,
    ]
    outside = subprocess.Popen([*words, "sh", root, str(state), *config["Env"], *config["Entrypoint"], *config["Cmd"]])
    try:
        first = int(_until(lambda: _children(outside.pid), "the image starts")[0])

        def beside(*command: str) -> str:
            inside = [
                "nsenter",
                "--target",
                str(first),
                "--all",
                "--root",
                "--wdns=/srv/penstock",
                "--setuid",
                str(USER),
                "--setgid",
                "0",
            ]
            ended = subprocess.run(
                [*inside, "env", "-i", *config["Env"], *command], check=False, capture_output=True, text=True
            )
            return ended.stdout if ended.returncode == 0 else ""

        yield first, beside
    finally:
        outside.kill()
        outside.wait()


def problems(builder: Builder, state: Path) -> Iterator[str]:
    """What is not as the container file says."""
    config = json.loads(builder("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
    root = builder("mount", builder("from", "--pull-never", IMAGE))
    yield from _content_problems(Path(root))
    os.chown(state, USER, 0)
    with running(root, state, config) as (first, beside):
        _until(lambda: "alone" in beside("penstock", "dags", "list"), "the DAG is there")
        beside("penstock", "dags", "trigger", "alone", "--run-id", "one")
        ended = _until(lambda: _end(beside("penstock", "runs", "list", "alone")), "the run ends")
        if ended != "success":
            yield f"the run has {ended}: {beside('penstock', 'logs', 'show', 'alone', 'one', 'leave')}"
        _until(lambda: not _left(first), "what a task has left behind is reaped")
        capabilities = [
            line.split()[1] for line in Path(f"/proc/{first}/status").read_text().splitlines() if line.startswith("Cap")
        ]
        if any(int(each, 16) for each in capabilities):
            yield f"it has capabilities: {capabilities}"
        began = time.monotonic()
        os.kill(first, signal.SIGTERM)
        _until(lambda: not Path(f"/proc/{first}").exists(), "it ends at SIGTERM")
        if time.monotonic() - began > _END_S:
            yield f"it took {time.monotonic() - began:.0f} s to end"


def _content_problems(root: Path) -> Iterator[str]:
    """What of the files is not as it should be: pip is not there, and the list of what is installed is complete."""
    site = next((root / "opt" / "penstock" / "lib").glob("python3*/site-packages"))
    installed = {path.name.partition("-")[0].lower() for path in site.glob("*.dist-info")}
    components = json.loads((root / "opt/penstock/sbom.cdx.json").read_text())["components"]
    listed = {each["name"].replace("-", "_").replace(".", "_").lower() for each in components}
    if installed != listed:
        yield f"sbom.cdx.json and what is installed differ: {sorted(installed ^ listed)}"
    if "pip" in installed:
        yield "pip is in the image"
    if owned := [str(path) for path in (root / "opt" / "penstock").rglob("*") if path.lstat().st_uid == USER]:
        yield f"its user may change {owned[0]}"


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _left(first: int) -> list[str]:
    """Children of the first process that are none of Penstock's own, those included that nobody has reaped."""
    return [
        each for each in _children(first) if Path(f"/proc/{each}/comm").read_text().strip() in {"sh", "sleep", "setsid"}
    ]


def _end(runs: str) -> str:
    return next((each for each in ("success", "failed") if each in runs), "")


def _until(found: Callable[[], Found], what: str) -> Found:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(0.2)
    raise SystemExit(f"{what}: not within {_PATIENCE_S:.0f} s")


def main() -> int:
    """Build the image, look into it and run it."""
    if missing := [each for each in ("buildah", "debootstrap", "unshare", "nsenter") if not shutil.which(each)]:
        print(f"{', '.join(missing)}: not there. Install Debian's packages buildah, debootstrap and util-linux.")
        return 1
    with tempfile.TemporaryDirectory(prefix="penstock-image-") as name:
        folder = Path(name)
        builder = Builder(folder)
        make_context(folder / "context")
        builder.base(folder / "base")
        builder.image(folder / "context")
        (folder / "state").mkdir(mode=0o770)
        found = list(problems(builder, folder / "state"))
        builder("umount", "--all")
    for each in found:
        print(each)
    print(f"{len(found)} problems")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
