"""What is to blame for a failure of uv or pip is found and told in one sentence, the same for both; what they say is not shown as it."""

from __future__ import annotations

import re
import zipfile

import pytest
from penstock_testkit.package_index import static_index, write_static_index
from penstock_testkit.wheels import write_wheel

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.listing import read_listing
from penstock_plugin_manager.index.network import Network
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.index.wheel import check_wheel
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.resolve.blame import Asked, blamed
from penstock_plugin_manager.resolve.message import clash_in, explain, needs_of

NAME = "lib_a-1.0-py3-none-any.whl"


def _without(end):
    return lambda members: [each for each in members if not each[0].endswith(end)]


def _with(name, body=b""):
    return lambda members: [*members, (name, body)]


def _edited(end, old, new):
    return lambda members: [(name, body.replace(old, new) if name.endswith(end) else body) for name, body in members]


def _renamed(old, new):
    return lambda members: [(name.replace(old, new), body) for name, body in members]


DAMAGED = {
    "no RECORD": (_without("RECORD"), "it has no RECORD"),
    "no METADATA": (_without("METADATA"), "it has no METADATA"),
    "no WHEEL": (_without("WHEEL"), "it has no WHEEL"),
    "no metadata": (_without(("RECORD", "METADATA", "WHEEL")), "it has no metadata"),
    "a second package": (_with("lib_b-1.0.dist-info/METADATA"), "several folders of metadata"),
    "another package": (_renamed("lib_a-1.0", "lib_b-1.0"), "it is named for lib-a 1.0 and holds lib-b 1.0"),
    "another version": (_renamed("lib_a-1.0", "lib_a-2.0"), "it is named for lib-a 1.0 and holds lib-a 2.0"),
    "upwards": (_with("../../x"), "would be unpacked outside the environment"),
    "upwards inside": (_with("lib_a/../../x"), "would be unpacked outside the environment"),
    "absolute": (_with("/etc/x"), "would be unpacked outside the environment"),
    "a drive": (_with("C:x"), "would be unpacked outside the environment"),
    "backslashes": (_with("..\\x"), "would be unpacked outside the environment"),
    "another format": (_edited("WHEEL", b"Wheel-Version: 1.0", b"Wheel-Version: 9.0"), "the wheel format '9.0'"),
    "no requirement": (_edited("METADATA", b"Requires-Dist: x", b"Requires-Dist: x >>> 1"), "cannot be read"),
    "no range of Pythons": (_edited("METADATA", b">=3.9", b"nonsense"), "Requires-Python 'nonsense' cannot be read"),
    "another encoding": (_edited("METADATA", b"Name", b"Author: \xff\nName"), "not UTF-8"),
}
BY_THE_LIST = ["no RECORD", "no METADATA", "no WHEEL", "no metadata", "a second package", "another package", "another version",
               "upwards", "upwards inside", "absolute", "a drive", "backslashes"]  # fmt: skip


def damage(path, edit):
    with zipfile.ZipFile(path) as archive:
        members = [(each.filename, archive.read(each)) for each in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in edit(members):
            member = zipfile.ZipInfo("x", (2026, 1, 1, 0, 0, 0))
            member.filename = name  # the constructor would mend some
            archive.writestr(member, body)
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder with a sound wheel of ``lib-a``, and one of what needs it."""
    write_wheel(tmp_path, "lib-a", "1.0", requires=["x"])
    write_wheel(tmp_path, "top", "1.0", requires=["lib-a"])
    return tmp_path


@pytest.fixture
def asked(folder):
    """What was asked of a tool that could see that folder alone."""
    place = Environment("/e", "/e/bin/python", "/e/site", "3.11.7", "/usr/bin")
    return Asked(place, Sources((), (str(folder),), no_index=True), Client(Network, str, str))


def test_a_sound_wheel_is_blamed_for_nothing(folder, asked):
    path = folder / NAME
    check_wheel(File(path.name), path.read_bytes())
    listing = read_listing(File(path.name, path.as_uri()), asked.client)
    with zipfile.ZipFile(path) as archive:
        whole = sum(each.file_size for each in archive.infolist())
    assert listing == (path.stat().st_size, whole, "")


@pytest.mark.parametrize("kind", DAMAGED)
def test_each_kind_of_damage_is_named_and_what_the_list_tells_before_anything_is_installed(folder, asked, kind):
    edit, words = DAMAGED[kind]
    path = damage(folder / NAME, edit)
    with pytest.raises(ManagerError, match=re.escape(words)):
        check_wheel(File(path.name), path.read_bytes())
    listing = read_listing(File(path.name, path.as_uri()), asked.client)
    assert (words in listing.problem) == (kind in BY_THE_LIST)


@pytest.mark.parametrize("cut", [0, 10, 300, -30, -1])
def test_a_file_that_is_cut_off_is_no_wheel(folder, asked, cut):
    path = folder / NAME
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ManagerError, match="is no wheel that can be installed"):
        check_wheel(File(path.name), path.read_bytes())
    assert "cannot be unpacked" in read_listing(File(path.name, path.as_uri()), asked.client).problem


SAID = {
    "uv, a file": "error: Failed to download `lib-a==1.0`\n  cause: failed to open file `/c/.tmp/RECORD`: No such file (os error 2)",
    "uv, a solution": "No solution found\n  cause: Because lib-a==1.0 has an invalid package format and only lib-a==1.0 is available",
    "uv, a structure": "hint: The structure of `lib-a` (v1.0) was invalid:\n  failed to open file",
    "uv, installing": "error: Failed to install: lib_a-1.0-py3-none-any.whl (lib-a==1.0)\n  cause: The wheel is invalid",
    "pip, a path": "ERROR: Wheel 'lib-a' located at /w/lib_a-1.0-py3-none-any.whl is invalid.",
    "pip, a name": "ERROR: lib-a has an invalid wheel, could not read 'WHEEL' file",
    "pip, a format": "ERROR: lib-a's Wheel-Version (9.0) is not compatible with this version of pip",
    "pip, installing": "ERROR: For req: lib-a==1.0. The wheel has a file trying to install outside the target directory",
    "pip, not at all": "ERROR: Could not find a version that satisfies the requirement lib-a (from top) (from versions: 1.0)\n"
    "ERROR: No matching distribution found for lib-a (from top)",
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_whatever_a_tool_says_of_a_damaged_wheel_the_sentence_is_ours(folder, asked, said):
    damage(folder / NAME, _without("RECORD"))
    error = blamed(explain("resolution", SAID[said], 1), asked)
    assert str(error) == f"{NAME} is no wheel that can be installed: it has no RECORD."
    assert error.hint


def test_the_log_tells_where_a_tool_was_that_names_nothing(folder, asked):
    damage(folder / NAME, _without("METADATA"))
    error = explain("resolution", "BadMetadata: Bad metadata in <object at 0x7f> (invalid metadata entry 'name')", 2)
    assert str(error) == "The resolution failed."
    assert "has no METADATA" in str(blamed(error, asked, f"Processing ./w/{NAME} (from top)"))


CANNOT_BE = {
    "a build": ("Failed to build `lib-a==1.0`\n  cause: The build backend returned an error", 1, "building it failed"),
    "uv, by an address": (
        ("Failed to resolve dependencies for package `top==1.0`\n cause: Package `b` was included as a URL dependency. "
        "Consider adding `b @ http://u:p@h/b.whl?t=1` to your dependencies or constraints file."),
        5, "top needs b from the address http://h/b.whl, and not from an index.",
    ),
    "pip, by an address": (
        "ERROR: Failed to build 'b' when git clone\nCollecting b@ git+https://h/b (from top->-r /t/roots.in (line 1))",
        5, "top needs b from the address git+https://h/b",
    ),
    "uv, a Python": (
        "No solution found\n Because lib-a==1.0 requires Python >=3.99 and only lib-a==1.0 is available", 5, "needs Python >=3.99",
    ),
    "pip, a Python": (
        "ERROR: Package 'lib-a' requires a different Python: 3.11.7 not in '>=3.99'", 5, "needs Python >=3.99",
    ),
    "uv, a range": (
        "No solution found\n cause: Because only lib-a==1.0 is available and all versions of top depend on lib-a>=3, we can conclude that",
        5, "No version of lib-a satisfies >=3; there is 1.0. top needs it so.",
    ),
    "pip, a range": (
        ("ERROR: Could not find a version that satisfies the requirement lib-a>=3 (from top) (from versions: 1.0)\n"
        "ERROR: No matching distribution found for lib-a>=3"),
        5, "No version of lib-a satisfies >=3; there is 1.0. top needs it so.",
    ),
    "uv, a range that was asked for": (
        "No solution found\n cause: Because only lib-a==1.0 is available and you require lib-a>=3, we can conclude that",
        3, "No version of lib-a satisfies >=3; there is 1.0.",
    ),
    "pip, a range that was asked for": (
        ("ERROR: Could not find a version that satisfies the requirement lib-a>=3 (from versions: 1.0)\n"
        "ERROR: No matching distribution found for lib-a>=3"),
        3,
        "No version of lib-a satisfies >=3; there is 1.0.",
    ),
    "uv, nothing at all": (
        "No solution found\n cause: Because gone was not found in the provided package locations and all versions of top depend on gone",
        3, "gone was not found in any source. top needs it.",
    ),
    "pip, nothing at all": (
        ("ERROR: Could not find a version that satisfies the requirement gone (from top) (from versions: none)\n"
        "ERROR: No matching distribution found for gone (from top)"),
        3, "gone was not found in any source. top needs it.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CANNOT_BE)
def test_what_cannot_be_is_named_with_who_needs_it(asked, kind):
    said, code, words = CANNOT_BE[kind]
    error = blamed(explain("resolution", said, 1), asked)
    assert (error.code, words in str(error)) == (code, True), (error, error.code)
    assert error.hint


@pytest.mark.parametrize(
    "said",
    [
        "Because all versions of top were yanked (reason: bad) and you require top, we can conclude that",
        "Because lib-a==1.0 was yanked (reason: bad) and all versions of top depend on lib-a and you require top",
        "satisfies the requirement top (from versions: none)\nERROR: No matching distribution found for top",
    ],
)
def test_that_every_version_is_yanked_has_one_code(folder, asked, tmp_path, said):
    write_static_index(tmp_path / "root", folder, {path.name: {"yanked": "bad"} for path in folder.glob("*.whl")})
    with static_index(tmp_path / "root") as url:
        error = blamed(
            explain("resolution", f"No solution found\n{said}", 1), asked._replace(sources=Sources((f"{url}simple/",)))
        )
    assert re.match(r"Every version of (top|lib-a) is yanked: bad\.", str(error))
    assert error.code == 3


def test_what_a_tool_says_is_bounded_and_cannot_change_a_terminal():
    error = explain("resolution", "\x1b[31mred\x1b[2J\u202e\n" + "x" * 10_000 + "\nline" * 500, 1)
    assert all(each == "\n" or each.isprintable() for each in error.detail)
    assert len(error.detail) < 2000


@pytest.mark.parametrize(
    "said",
    [
        "Because all versions of a depend on c<2 and all versions of b depend on c>=2, we can conclude",
        "a 1.0 depends on c<2\nb 1.0 depends on c>=2",
    ],
)
def test_a_clash_is_read_from_the_words_of_both_tools(said):
    assert [(each.parent, each.child, each.specifier) for each in clash_in(said)] == [
        ("a", "c", "<2"),
        ("b", "c", ">=2"),
    ]


def test_a_requirement_at_the_end_of_a_sentence_ends_before_its_stop():
    said = (
        "we can conclude that all versions of pytest depend on pluggy==1.6.0.\n And because you require one>=2.*, two"
    )
    assert [(each.parent, each.child, each.specifier) for each in needs_of(said)] == [
        ("pytest", "pluggy", "==1.6.0"), ("", "one", ">=2.*"),
    ]  # fmt: skip
