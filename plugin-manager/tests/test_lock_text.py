"""A lock file that others wrote into keeps what they wrote through each new resolution."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_testkit.nightly import at_night

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.lock import File, Lock, Locked, check_lock, read_lock, write_lock
from penstock_plugin_manager.model.lock_text import rewritten

THEIRS = """# of the file
lock-version = "1.0"
created-by = "another tool"
requires-python = ">=3.11"
default-groups = ["all"]

# of a
[[packages]]
name = "a"
version = "1.0"
attestation-identities = [{ kind = "GitHub" }] # of the attestation
# in a
wheels = [
  { name = "a-1.0-py3-none-any.whl", url = "https://h/a-1.0-py3-none-any.whl", hashes = { sha256 = "aa" } },
]

[packages.tool.theirs]
colour = "red"

# of the tool
[tool.theirs]
since = 2026-01-02
share = 0.5

[tool.penstock]
schema = 1
roots = ["a"]
universal = true
"""


def package(name: str, version: str = "1.0", *, sha: str = "aa") -> Locked:
    file = f"{name}-{version}-py3-none-any.whl"
    return Locked(name, version, wheels=(File(file, f"https://h/{file}", sha256=sha),))


def lock(*packages: Locked, roots: tuple[str, ...] = ("a",)) -> Lock:
    return Lock(packages, roots=roots)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("new", "lost"),
    [
        pytest.param(lock(package("a")), set(), id="the same"),
        pytest.param(lock(package("a"), package("b"), roots=("a", "b")), set(), id="one more"),
        pytest.param(lock(package("a", sha="bb")), {"# in a", "# of the attestation"}, id="another file"),
        pytest.param(
            lock(package("a", "2.0")), {"# in a", "# of the attestation", "colour", "GitHub"}, id="another version"
        ),
        pytest.param(lock(), {"# of a", "# in a", "# of the attestation", "colour", "GitHub"}, id="none"),
    ],
)
def test_what_others_wrote_stays(end, new, lost):
    result = rewritten(THEIRS.replace("\n", end), new, "pylock.toml")
    words = {
        "# of the file",
        "default-groups",
        "# of a",
        "# in a",
        "# of the attestation",
        "GitHub",
        "colour",
        "# of the tool",
    }
    assert {each for each in words if each not in result} == lost
    data = tomllib.loads(result)
    assert data["tool"]["theirs"] == tomllib.loads(THEIRS)["tool"]["theirs"]
    assert read_lock(data, "x") == read_lock(tomllib.loads(write_lock(new)), "x")
    assert result.count("\n") == (result.count("\r\n") if end == "\r\n" else result.count("\n"))
    assert rewritten(result, new, "pylock.toml") == result


def test_a_file_of_the_manager_alone_is_the_one_that_it_would_write_anew():
    old, new = lock(package("a"), package("c")), lock(package("a", "2.0"), package("b"), roots=("a", "b"))
    assert rewritten(write_lock(old), new, "pylock.toml") == write_lock(new)


def test_a_form_that_cannot_be_edited_safely_is_refused():
    with pytest.raises(ManagerError, match="cannot be edited safely"):
        rewritten(
            'lock-version = "1.0"\npackages = [{ name = "z", version = "1" }]\n', lock(package("a")), "pylock.toml"
        )


NAMES = st.lists(st.sampled_from("abcd"), unique=True)


@settings(derandomize=True, max_examples=at_night(60, 20))
@given(NAMES, NAMES, st.sampled_from(["1.0", "2.0"]), st.sampled_from(["", "\n[tool.x]\ny = 1 # z\n"]))
def test_any_lock_follows_any_other(before, after, version, tail):
    old = write_lock(lock(*(package(name) for name in before))) + tail
    new = lock(*(package(name, version) for name in after))
    result = rewritten(old, new, "pylock.toml")
    assert read_lock(tomllib.loads(result), "x") == read_lock(tomllib.loads(write_lock(new)), "x")
    assert tail.strip() in result


SOUND = """lock-version = "1.0"
[[packages]]
name = "lib-a"
version = "1.5"
wheels = [{ name = "lib_a-1.5-py3-none-any.whl", url = "https://h/lib_a-1.5-py3-none-any.whl", size = 9, hashes = { sha256 = "SUM" } }]
""".replace("SUM", "0a" * 32)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param('"lib-a"', '"../lib-a"', "this is no name of a package", id="a path as name"),
        pytest.param('"lib-a"', '"lib\\u001b[2J"', "this is no name of a package", id="signs of a terminal"),
        pytest.param('version = "1.5"\n', "", "its version is missing", id="no version"),
        pytest.param('version = "1.5"', "version = 1.5", "must be text", id="version as number"),
        pytest.param("size = 9", 'size = "9"', "must be a number", id="size as text"),
        pytest.param('name = "lib_a', 'name = "../../lib_a', "no name of a file", id="a path as file"),
        pytest.param('sha256 = "' + "0a" * 32 + '"', "", "has no hash", id="no hash"),
        pytest.param("0a" * 32, "0a", "has no hash", id="a cut hash"),
        pytest.param(
            'name = "lib_a-1.5-py3-none-any.whl", url = "https://h/',
            'url = "https://[::1/',
            "cannot be read",
            id="no address",
        ),
    ],
)
def test_a_lock_that_does_not_pin_every_file_is_refused_with_the_package_and_a_way_out(old, new, words):
    assert check_lock(read_lock(tomllib.loads(SOUND), "pylock.toml"), "pylock.toml").packages[0].version == "1.5"
    text = SOUND.replace(old, new, 1)
    with pytest.raises(ManagerError, match=words) as told:
        check_lock(read_lock(tomllib.loads(text), "pylock.toml"), "pylock.toml")
    assert "plugin-manager lock" in told.value.hint
