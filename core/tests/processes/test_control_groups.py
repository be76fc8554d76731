"""Control groups of both layouts: the kernel's own where this machine has them, and trees of files as the kernel shows them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.processes.bounds.control_groups import BESIDE, OWN, Group, Groups, OwnGroup, layout, why_unbound

ONE = "29 23 0:26 {root} {point} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
MANY = "32 31 0:29 / {folder}/memory rw - cgroup cgroup rw,memory\n33 31 0:30 / {folder}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"


class Tree:
    """A tree of files in place of the kernel's."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.root = folder / "proc", folder / "fs"
        self.proc.mkdir()
        self.root.mkdir()

    def tell(self, cgroup: str, mountinfo: str) -> Path:
        (self.proc / "cgroup").write_text(cgroup)
        (self.proc / "mountinfo").write_text(mountinfo)
        return self.proc

    def group(self, name: str = "", **files: str) -> Path:
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in {"cgroup_procs": "", **files}.items():
            (folder / file.replace("_", ".", 1)).write_text(text)
        return folder


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_process_that_takes_more_than_its_bound_is_killed_and_counted():
    assert not why_unbound()
    groups = Groups()
    assert not groups.reason
    group = groups.make("test")
    try:
        group.bound(0.5, 64 << 20)
        code = "import sys; sys.stdin.read(1); x = b'x' * (200 << 20)"
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
            group.add(process.pid)
            assert not group.remove()
            assert group.kills() == 0
            process.communicate(b"x", timeout=30)
        assert process.returncode == -9
        assert group.kills() == 1
    finally:
        assert group.remove()
    assert group.remove()  # again, for nothing


def test_a_group_that_a_process_left_which_is_no_more_is_removed():
    folder = layout(Path("/proc/self")).folders["memory"]
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    left = folder / f"{OWN}{process.pid}-1"
    left.mkdir()
    mine = folder / f"{OWN}{os.getpid()}-1"
    mine.mkdir()
    try:
        assert not Groups().reason
        assert not left.exists()
        assert mine.exists()
    finally:
        mine.rmdir()


def test_the_unified_layout_is_found_below_its_mount(tree):
    tree.group("app", cgroup_controllers="cpu io memory\n")
    found = layout(tree.tell("0::/app\n", ONE.format(root="/", point=tree.root)))
    assert (found.folders, found.unified) == ({"memory": tree.root / "app", "cpu": tree.root / "app"}, True)
    # In a container without a namespace of its own the mount begins at the container's group.
    inner = layout(tree.tell("0::/docker/1/app\n", ONE.format(root="/docker/1", point=tree.root)))
    assert inner.folders == found.folders


def test_the_layout_of_many_hierarchies_is_found(tree):
    tree.group("memory/app")
    tree.group("cpu/app")
    found = layout(tree.tell("8:memory:/app\n1:cpu,cpuacct:/app\n0::/\n", MANY.format(folder=tree.root)))
    assert (found.folders, found.unified) == ({"memory": tree.root / "memory/app", "cpu": tree.root / "cpu/app"}, False)


@pytest.mark.parametrize("cgroup", ["", "0::/gone\n", "3:cpu:/\n0::/\n"])
def test_a_machine_without_a_controller_for_memory_says_so(tree, cgroup):
    tree.group("cpu")
    with pytest.raises(OSError, match="no control groups that bound memory"):
        layout(tree.tell(cgroup, ONE.format(root="/", point=tree.root)))


def test_a_group_that_is_not_delegated_is_left_as_it_is(tree):
    folder = tree.group("app", cgroup_controllers="memory", cgroup_subtree_control="", cgroup_type="domain")
    groups = Groups(tree.tell("0::/app\n", ONE.format(root="/", point=tree.root)))
    assert groups.reason == "its control group is not delegated to it (systemd: Delegate=yes)"
    assert not (folder / BESIDE).exists()


def test_processes_of_a_container_s_root_are_moved_beside_and_controllers_passed_on(tree):
    root = tree.group(cgroup_controllers="cpu memory", cgroup_procs="1\n7\n")
    (root / "cgroup.subtree_control").write_text("")
    beside = tree.group(BESIDE)
    made = tree.group(f"{OWN}{os.getpid()}-probe", memory_max="max", cpu_max="max")
    groups = Groups(tree.tell("0::/\n", ONE.format(root="/", point=tree.root)))
    assert not groups.reason
    assert (beside / "cgroup.procs").read_text() in {"1", "7"}  # the kernel takes one a write
    assert (root / "cgroup.subtree_control").read_text() == "+cpu +memory"
    group = groups.make("probe")
    group.bound(1.5, 1 << 30)
    assert ((made / "memory.max").read_text(), (made / "cpu.max").read_text()) == (str(1 << 30), "150000 100000")


def test_a_group_to_which_the_controller_is_not_passed_on_is_not_made(tree):
    tree.group(cgroup_controllers="memory")
    (tree.root / "cgroup.subtree_control").write_text("memory")
    groups = Groups(tree.tell("0::/\n", ONE.format(root="/", point=tree.root)))
    assert groups.reason == "the memory controller is not passed on to groups below this process' own"


def test_a_kill_in_the_group_of_the_process_itself_is_told_once_with_the_lowest_bound(tree):
    root = tree.group(cgroup_controllers="memory", memory_max=f"{1 << 29}\n")
    app = tree.group("app", cgroup_controllers="memory", memory_max="max\n", memory_events="oom_kill 9\n")
    (app / "memory.events.local").write_text("low 0\noom_kill 2\n")
    own = OwnGroup(tree.tell("0::/app\n", ONE.format(root="/", point=tree.root)))
    assert not own.has_killed()
    (app / "memory.events.local").write_text("low 0\noom_kill 3\n")
    assert own.has_killed()
    assert not own.has_killed()
    assert own.memory_bytes() == 1 << 29
    (root / "memory.max").write_text("max")
    assert own.memory_bytes() == 0


def test_a_group_without_bounds_of_processors_takes_none(tree):
    Group({"memory": tree.group("memory")}, unified=False).bound(2, 0)
    assert not (tree.root / "memory/cpu.cfs_quota_us").exists()
