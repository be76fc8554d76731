"""What a try needs on a worker's machine is fetched once, proved, shared and bounded; what will never come fails the try at once."""

import base64
import errno
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import msgspec
import pytest

from penstock import __version__
from penstock.errors import RequestError
from penstock.model.state import Outcome
from penstock.model.values.content_hashes import content_hash
from penstock.plugins import locked_environments
from penstock.plugins.locked_environments import PIECE, LockedEnvironments
from penstock.spec.archives.listed_archives import LIST, listed_contents, pack_listed
from penstock.spec.executor import FileCode, PlanCode
from penstock.worker.fetched_environments import MOST_KEPT, FetchedEnvironments, python_of
from penstock_testkit.disk import small_disk
from penstock_testkit.wheels import write_wheel

from .conftest import until

IN_ACME = PlanCode("acme.copy", {}, "acme")
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


class Isolated:
    """An environment of the isolated provider ``acme``, and the file that names it."""

    def __init__(self, folder):
        self.root, self.file = folder / "acme-1", folder / "isolated.json"
        self.site = self.root / SITE
        self.site.mkdir(parents=True)
        self.file.write_text(json.dumps({"acme": str(self.root / "bin" / "python")}))
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.install("penstock-core", __version__, {"penstock/__init__.py": ""})
        self.install("lib-c", "2.0", {"lib_c.py": "VERSION = '2.0'\n", "lib_c.data/purelib/x": "x"})
        self.environments = LockedEnvironments(self.file)

    def install(self, name, version, files):
        wheel = write_wheel(self.wheels, name, version, files=files)
        zipfile.ZipFile(wheel).extractall(self.site)

    @property
    def lock(self):
        return self.environments.lock("acme")

    def pack(self, wanted):
        digest, *part = wanted.split("/")
        if len(part) < 2:
            return self.environments.pack("acme", digest, *map(int, part))
        return self.environments.piece("acme", digest, part[0], int(part[1]))


@pytest.fixture
def acme(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    return Isolated(folder)


@pytest.fixture
def far(tmp_path):
    return FetchedEnvironments(tmp_path / "far" / "environments", threading.Event())


def version_in(environment):
    command = [python_of(environment), "-c", "import lib_c; print(lib_c.VERSION, lib_c.__cached__)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_an_environment_is_that_of_the_server_to_the_last_file_and_is_made_once(acme, far):
    asked = []

    def fetch(digest):
        asked.append(digest)
        return acme.pack(digest)

    with far.held(acme.lock, fetch) as path:
        version, compiled = version_in(path)
        assert version == "2.0"
        assert compiled.startswith(str(path))
        assert Path(compiled).exists()
        assert (path / SITE / "lib_c.data" / "purelib" / "x").read_text() == "x"
    with far.held(acme.lock, fetch):
        assert sorted(asked) == sorted(each.digest for each in acme.lock.distributions)


def lose_once(site, ending):
    """Have the first answer on a route be lost."""
    lost = []

    def fault(route, _):
        if route.endswith(ending) and not lost:
            lost.append(route)
            return 503, b"", "text/plain"
        return None

    site.fault = fault


BIG = random.Random(12).randbytes(2 * PIECE + 1000)


def test_a_large_file_comes_in_pieces_and_a_piece_that_is_lost_is_fetched_again(site, pool, acme):
    acme.install("lib-big", "1.0", {"big.bin": BIG})
    site.serve_environments(acme.file)
    lose_once(site, f"/{PIECE}")
    worker = pool()
    worker.bring(site.offer(code=IN_ACME).secret)
    worker.runs()
    [python] = worker.tries.adopted.values()
    assert (python.parent.parent / SITE / "big.bin").read_bytes() == BIG
    offsets = [route.rpartition("/")[2] for route, _ in site.heard if route.count("/") == 3]
    assert offsets == [str(each) for each in (0, PIECE, PIECE, 2 * PIECE, len(BIG))]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda piece: piece and piece[:-1] + b"x", "big.bin.* of the distribution lib_big 1.0 .* is damaged"),
        (lambda _: BIG, "is larger than its lock says"),
    ],
    ids=["another", "endless"],
)
def test_a_large_file_that_is_another_is_refused_and_nothing_is_left(acme, far, tmp_path, spoil, said):
    acme.install("lib-big", "1.0", {"big.bin": BIG})

    def fetch(wanted):
        found = acme.pack(wanted)
        return spoil(found) if wanted.count("/") == 2 else found

    with pytest.raises(RequestError, match=said), far.held(acme.lock, fetch):
        pass
    assert list((tmp_path / "far" / "environments").iterdir()) == []


def test_many_small_files_come_in_portions_and_none_that_is_lost_is_missed(site, pool, acme, monkeypatch):
    monkeypatch.setattr(locked_environments, "PORTION", 3 * 2048)
    acme.install("lib-many", "1.0", {f"part{number}.txt": f"{number}" * 1000 for number in range(9)})
    site.serve_environments(acme.file)
    lose_once(site, "/2")
    worker = pool()
    worker.bring(site.offer(code=IN_ACME).secret)
    worker.runs()
    [python] = worker.tries.adopted.values()
    place = python.parent.parent / SITE
    assert [(place / f"part{number}.txt").read_text()[0] for number in range(9)] == list("012345678")
    [many] = (each.digest for each in acme.lock.distributions if each.name == "lib_many")
    asked = [route.partition(many)[2] for route, _ in site.heard if many in route]
    assert asked[:3] == ["", "/1", "/2"]
    assert asked.count("/2") == 2


def test_a_server_that_repeats_a_portion_is_refused_and_holds_up_nobody(acme, far, tmp_path, monkeypatch):
    monkeypatch.setattr(locked_environments, "PORTION", 3 * 2048)
    acme.install("lib-many", "1.0", {f"part{number}.txt": f"{number}" * 1000 for number in range(9)})
    fetch = lambda wanted: acme.pack(wanted.partition("/")[0])  # noqa: E731
    with pytest.raises(RequestError, match="is larger than its lock says"), far.held(acme.lock, fetch):
        pass
    assert list((tmp_path / "far" / "environments").iterdir()) == []


FLAT = """
import resource, sys, threading
from pathlib import Path
from penstock.plugins.locked_environments import LockedEnvironments
from penstock.worker.fetched_environments import FetchedEnvironments

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

here = LockedEnvironments(Path(sys.argv[1]))
def fetch(wanted):
    digest, *part = wanted.split("/")
    return here.piece("acme", digest, part[0], int(part[1])) if part[1:] else here.pack("acme", digest, *map(int, part))

before = peak()
with FetchedEnvironments(Path(sys.argv[2]), threading.Event()).held(here.lock("acme"), fetch) as path:
    print(*(each.stat().st_size for each in path.rglob("huge.bin")), peak() - before)
"""


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_a_file_of_600_mb_takes_no_memory_of_server_or_worker(acme, tmp_path):
    huge, size = acme.site / "huge.bin", 600 << 20
    with huge.open("wb") as file:
        file.truncate(size)
    acme.install("lib-huge", "1.0", {})
    with huge.open("rb") as file:
        digest = base64.urlsafe_b64encode(hashlib.file_digest(file, "sha256").digest()).decode().rstrip("=")
    with (acme.site / "lib_huge-1.0.dist-info" / "RECORD").open("a") as record:
        record.write(f"huge.bin,sha256={digest},{size}\n")

    command = [sys.executable, "-c", FLAT, acme.file, tmp_path / "far" / "environments"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    found, mebibytes = map(int, told.split())
    assert found == size
    assert mebibytes < 64


def test_another_file_is_another_environment_and_what_an_installer_adds_is_none(acme):
    before = acme.lock.digest
    for name in ("INSTALLER", "REQUESTED", "direct_url.json"):
        (acme.site / "lib_c-2.0.dist-info" / name).write_text("{}")
    record = acme.site / "lib_c-2.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "lib_c-2.0.dist-info/INSTALLER,sha256=x,2\n../../../bin/tool,sha256=x,3\n")
    assert acme.lock.digest == before
    acme.install("lib-d", "1.0", {"lib_d.py": ""})
    assert acme.lock.digest != before


def test_the_oldest_glibc_is_that_of_the_pickiest_wheel(acme):
    tags = {
        "any": ["py3-none-any"],
        "old": ["cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"],
        "new": ["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_31_x86_64"],
    }
    assert acme.lock.libc == ()
    for name, expected in (("any", ()), ("old", (2, 17)), ("new", (2, 28))):
        acme.install(f"lib-{name}", "1.0", {f"lib_{name}.py": ""})
        wheel = acme.site / f"lib_{name}-1.0.dist-info" / "WHEEL"
        record = wheel.with_name("RECORD")
        record.write_text("".join(line for line in record.read_text().splitlines(True) if "/WHEEL" not in line))
        wheel.write_text("Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags[name]))
        assert acme.lock.libc == expected


def edited(acme):
    (acme.site / "lib_c.py").write_text("VERSION = '3.0'\n")


def editable(acme):
    (acme.site / "lib_c-2.0.dist-info" / "direct_url.json").write_text('{"dir_info": {"editable": true}}')


def outside(acme):
    record = acme.site / "lib_c-2.0.dist-info" / "RECORD"
    record.write_text(f"../../../../../secret,sha256=x,2\n{record.read_text()}")


def garbled(acme):
    (acme.site / "lib_c-2.0.dist-info" / "RECORD").write_text("lib_c.py,nonsense=x,1\n")


def gone(acme):
    shutil.rmtree(acme.root)


def undone(acme):
    acme.file.write_text("{}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edited, "the file lib_c.py of lib_c-2.0 .* is not what was installed: run `plugin-manager doctor --fix`"),
        (editable, "lib_c-2.0 is installed editable"),
        (outside, "has a file outside of its environment: ../../../../../secret"),
        (garbled, "the RECORD of lib_c-2.0 .* cannot be read"),
        (gone, "is broken or not of Python"),
        (undone, "has no environment of its own on the server's machine: run `plugin-manager isolate acme`"),
    ],
)
def test_an_environment_that_cannot_be_sent_fails_its_try_at_once_with_a_sentence(site, pool, acme, change, said):
    change(acme)
    site.serve_environments(acme.file)
    worker, ticket = pool(), site.offer(code=IN_ACME)
    worker.bring(ticket.secret)
    end = until(lambda: site.ends().get(ticket.name), "it ends")
    assert end.outcome is Outcome.FAILED
    assert re.search(said, end.error), end.error


def test_tries_of_an_isolated_provider_run_in_the_environment_that_the_server_has(site, pool, acme):
    site.serve_environments(acme.file)
    worker, tickets = pool(slots=4), [site.offer(name, code=IN_ACME) for name in ("one", "two")]
    for each in tickets:
        worker.bring(each.secret)
    names = {worker.runs(name).code.provider for name in ("one", "two")}
    [(name, python)] = worker.tries.adopted.items()
    assert names == {name}
    assert name.startswith("acme@")
    assert version_in(python.parent.parent)[0] == "2.0"
    asked = [route for route, _ in site.heard if route.startswith("environments/")]
    assert len(asked) == len(set(asked)) == 2


def test_an_environment_that_changes_while_it_is_fetched_is_asked_for_anew(site, pool, acme):
    def upgrade():
        (acme.site / "lib_c.py").unlink()
        shutil.rmtree(acme.site / "lib_c-2.0.dist-info")
        acme.install("lib-c", "2.1", {"lib_c.py": "VERSION = '2.1'\n"})

    site.serve_environments(acme.file)
    left = [upgrade]
    site.fault = lambda route, _: left.pop()() if left and route.startswith("environments/") else None
    worker = pool()
    worker.bring(site.offer(code=IN_ACME).secret)
    worker.runs()
    [python] = worker.tries.adopted.values()
    assert version_in(python.parent.parent)[0] == "2.1"


def test_an_environment_that_this_machine_has_is_used_if_it_is_the_same_or_the_servers_cannot_be_sent(
    site, pool, acme, tmp_path
):
    shutil.copytree(acme.root, tmp_path / "image" / "acme-1")
    own = tmp_path / "image" / "isolated.json"
    own.write_text(json.dumps({"acme": str(tmp_path / "image" / "acme-1" / "bin" / "python")}))
    site.serve_environments(acme.file)
    worker = pool(slots=4, isolated=own)
    for name, change in (("same", lambda _: None), ("editable", editable)):
        change(acme)
        worker.bring(site.offer(name, code=IN_ACME).secret)
        assert worker.runs(name).code == IN_ACME
    (acme.site / "lib_c-2.0.dist-info" / "direct_url.json").unlink()
    acme.install("lib-d", "1.0", {"lib_d.py": ""})
    worker.bring(site.offer("other", code=IN_ACME).secret)
    assert worker.runs("other").code.provider.startswith("acme@")


def test_a_snapshot_that_the_servers_machine_has_not_fails_its_try_at_once_and_is_named(site, pool):
    worker, ticket = pool(), site.offer(code=FileCode("a" * 40, "sales.py"))
    worker.bring(ticket.secret)
    end = until(lambda: site.ends().get(ticket.name), "it ends")
    assert end.outcome is Outcome.FAILED
    assert f"the source snapshot {'a' * 40} of sales.py is not on the server's machine" in end.error


def test_a_snapshot_that_is_another_each_time_fails_its_try_and_one_that_was_cut_is_fetched_again(site, pool, tmp_path):
    folder = site.installation.settings.state_folder / "snapshots"
    listed = f"{content_hash(b'x')} sales.py\n".encode()
    made = folder / content_hash(listed)
    made.mkdir(parents=True)
    (made / "sales.py").write_bytes(b"x")
    (made / LIST).write_bytes(listed)
    answers = [(200, b"cut", "application/msgpack")]
    site.fault = lambda route, _: answers.pop() if answers and route.startswith("snapshots/") else None
    worker = pool()
    worker.bring(site.offer("first", code=FileCode(made.name, "sales.py")).secret)
    worker.runs("first")
    worker.tries.end("first")
    site.fault = lambda route, _: (200, b"wrong", "application/msgpack") if route.startswith("snapshots/") else None
    other = pool()
    ticket = site.offer("second", code=FileCode(made.name, "sales.py"))
    other.bring(ticket.secret)
    end = until(lambda: site.ends().get(ticket.name), "it ends")
    assert end.outcome is Outcome.FAILED
    assert "is none" in end.error


# What a server, or what stands before it, may send.


def hostile(*lines, files, tmp_path):
    """A distribution that holds what no wheel may, and its digest."""
    folder = tmp_path / "hostile"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    listed = "".join(f"{content_hash(content.encode())} {name}\n" for name, content in files.items()) + "".join(lines)
    return content_hash(listed.encode()), pack_listed(listed.encode(), folder, "it", remedy="")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"bin/python": "#!/bin/sh"}, "written over one of the interpreter's"),
        ({"pyvenv.cfg": "home = /evil"}, "written over one of the interpreter's"),
        ({f"{SITE}/lib_c.py": "VERSION = 'evil'"}, "which another one has, too, and not the same"),
        ({f"{SITE}/big.py": "x" * 5000}, "is larger than its lock says"),
    ],
    ids=["interpreter", "settings", "another's file", "size"],
)
def test_a_distribution_that_would_harm_another_is_refused_and_nothing_is_left(acme, far, tmp_path, files, said):
    digest, packed = hostile(files=files, tmp_path=tmp_path)
    last = msgspec.structs.replace(acme.lock.distributions[-1], name="zz", digest=digest, size=100)
    lock = msgspec.structs.replace(acme.lock, distributions=(*acme.lock.distributions, last))
    with (
        pytest.raises(RequestError, match=said),
        far.held(lock, lambda it: packed if it == digest else acme.pack(it)),
    ):
        pass
    assert list((tmp_path / "far" / "environments").iterdir()) == []


@pytest.mark.parametrize("path", ["../../evil", "/tmp/evil"])
def test_a_path_that_leads_out_of_an_environment_is_refused(path):
    listed, buffer = f"{content_hash(b'')} {path}\n".encode(), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in ((LIST, listed), (path, b"")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(RequestError, match="it lists the file"):
        list(listed_contents(buffer.getvalue(), content_hash(listed), "it"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"abi": "cpython-311-riscv"}, "made for Python .*riscv.*, and this worker has"),
        ({"python": "3.99"}, "made for Python 3.99"),
        ({"libc": (2, 999)}, "needs a glibc of 2.999, and this worker's machine has "),
        ({"distributions": ()}, "has penstock-core not at all, and this worker is"),
    ],
)
def test_an_environment_for_another_kind_of_machine_is_refused_before_anything_is_fetched(acme, far, change, said):
    with (
        pytest.raises(RequestError, match=said),
        far.held(msgspec.structs.replace(acme.lock, **change), lambda _: pytest.fail("it is fetched")),
    ):
        pass


# What becomes of the folder.


def test_a_full_disk_leaves_nothing_and_has_the_try_lost(site, pool, acme, tmp_path):
    site.serve_environments(acme.file)
    acme.install("lib-e", "1.0", {f"lib_e_{number}.py": f"X = '{'x' * 10_000}'" for number in range(100)})
    (tmp_path / "small").mkdir()
    with small_disk(tmp_path / "small", 1 << 20) as disk:
        far = FetchedEnvironments(disk.folder / "environments", threading.Event())
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), far.held(acme.lock, acme.pack):
            pass
        assert list((disk.folder / "environments").iterdir()) == []
        worker, ticket = pool(), site.offer(code=IN_ACME)
        shutil.rmtree(worker.worker.plan.folder / "environments", ignore_errors=True)
        (worker.worker.plan.folder / "environments").symlink_to(disk.folder / "environments")
        worker.bring(ticket.secret)
        end = until(lambda: site.ends().get(ticket.name), "it ends")
    assert end.outcome is Outcome.LOST
    assert os.strerror(errno.ENOSPC) in end.error


def test_a_folder_from_which_nothing_can_be_loaded_is_refused_by_name(acme, tmp_path):
    (tmp_path / "small").mkdir()
    with small_disk(tmp_path / "small", 1 << 20) as disk:
        subprocess.run(["mount", "-o", "remount,noexec", disk.folder], check=True)
        far = FetchedEnvironments(disk.folder / "environments", threading.Event())
        with pytest.raises(RequestError, match="is mounted noexec"), far.held(acme.lock, acme.pack):
            pass


def test_whoever_is_killed_while_it_makes_one_holds_up_nobody(acme, tmp_path):
    folder = tmp_path / "far" / "environments"
    code = f"""
import os, signal, threading
from pathlib import Path
from penstock.plugins.locked_environments import LockedEnvironments
from penstock.worker.fetched_environments import FetchedEnvironments
served = LockedEnvironments(Path({str(acme.file)!r}))
lock = served.lock("acme")
def fetch(digest):
    if digest == lock.distributions[-1].digest:
        os.kill(os.getpid(), signal.SIGKILL)
    return served.pack("acme", digest)
with FetchedEnvironments(Path({str(folder)!r}), threading.Event()).held(lock, fetch):
    pass
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    [left] = folder.iterdir()
    with FetchedEnvironments(folder, threading.Event()).held(acme.lock, acme.pack) as path:
        assert version_in(path)[0] == "2.0"
    assert {each.name for each in folder.iterdir()} == {left.name, path.name}


def test_two_workers_make_one_environment(acme, tmp_path):
    asked, found, began = [], [], threading.Barrier(2)

    def worker():
        began.wait()
        folder = FetchedEnvironments(tmp_path / "far" / "environments", threading.Event())
        with folder.held(acme.lock, lambda it: asked.append(it) or acme.pack(it)) as path:
            found.append(version_in(path)[0])

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == ["2.0", "2.0"]
    assert len(asked) == 2


def test_an_environment_that_somebody_has_written_into_is_made_anew(acme, far, tmp_path):
    with far.held(acme.lock, acme.pack) as path:
        file = path / SITE / "lib_c.py"
    file.chmod(0o644)
    file.write_text("VERSION = 'evil'")
    with FetchedEnvironments(tmp_path / "far" / "environments", threading.Event()).held(acme.lock, acme.pack) as path:
        assert version_in(path)[0] == "2.0"


def test_only_so_many_are_kept_and_none_that_is_used_goes(acme, far, tmp_path):
    with far.held(acme.lock, acme.pack) as first:
        os.utime(first, (1, 1))
        for number in range(MOST_KEPT + 2):
            acme.install("lib-d", f"{number}", {"lib_d.py": f"{number}"})
            shutil.rmtree(acme.site / f"lib_d-{number - 1}.dist-info", ignore_errors=True)
            with far.held(acme.lock, acme.pack):
                pass
        assert first.is_dir()
        assert len(list((tmp_path / "far" / "environments").iterdir())) == MOST_KEPT + 1
