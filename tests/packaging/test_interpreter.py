"""An environment whose interpreter does not start, or whose records are gone: no command calls it sound, one mends it."""

from __future__ import annotations

import sys

import pytest

SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def dead_link(python):
    python.unlink()
    python.symlink_to("/nowhere/python")


def no_program(python):
    python.unlink()
    python.write_text("no program\n")
    python.chmod(0o755)


@pytest.mark.parametrize("resolver", ["uv", "pip"])
@pytest.mark.parametrize("harm", [dead_link, no_program])
def test_an_interpreter_that_does_not_start_is_named_by_all_and_mended_by_one(stocked, harm):
    before = stocked.picture()
    harm(stocked.env / "bin" / "python")
    for words, code in ((["verify"], 6), (["doctor"], 1), (["sync"], 1), (["plan"], 1)):
        said = stocked.pm(*words, expect=code)
        assert "cannot be started" in said.out + said.err, words
    stocked.pm("doctor", "--fix")
    after = stocked.picture()
    assert {name: after[name] for name in before if name.startswith("lib")} == {
        name: before[name] for name in before if name.startswith("lib")
    }
    stocked.pm("doctor")
    stocked.sound()


def test_what_stops_an_interpreter_at_its_start_is_named_and_no_advice_leads_in_a_circle(uv_world):
    uv_world.pm("install", "beta")
    for body in (b"\xff\xfe", b"import sys; sys.exit(3)\n"):
        (uv_world.env / SITE / "stops.pth").write_bytes(body)
        for words in (["doctor"], ["doctor", "--fix"], ["sync"], ["install", "gamma"]):
            said = uv_world.pm(*words, expect=1)
            assert "stops.pth" in said.out + said.err, words
    (uv_world.env / SITE / "stops.pth").unlink()
    uv_world.pm("doctor")


def test_a_generation_that_does_not_start_is_not_returned_to(generations):
    generations.pm("install", "alpha")
    dead_link(generations.env.resolve() / "bin" / "python")
    assert "cannot be started" in generations.pm("list").out
    generations.pm("doctor", "--fix")
    generations.pm("install", "beta")
    dead_link(generations.env.with_name(".venv.generations") / "0002" / "bin" / "python")
    assert "cannot be started" in generations.pm("rollback", "2", expect=1).err
    generations.sound()


@pytest.mark.parametrize("resolver", ["uv", "pip"])
def test_a_provider_without_record_is_unsound_to_all_and_has_a_way_out(stocked):
    info = next((stocked.env / SITE).glob("penstock_providers_beta-*.dist-info"))
    for name in ("RECORD", "INSTALLER"):
        (info / name).unlink()
    words = "has no RECORD"
    assert words in stocked.pm("verify", expect=6).out
    assert words in stocked.pm("doctor", expect=1).out
    assert words in stocked.pm("list", "--broken", expect=5).out
    assert words in stocked.pm("sync", "--dry-run", expect=2).out
    said = stocked.pm("remove", "beta", expect=1)
    assert "nobody knows which files are its own" in said.err
    assert "doctor --fix" in said.err
    stocked.pm("doctor", "--fix")
    stocked.pm("verify")
    stocked.pm("remove", "beta", "--prune")
    stocked.sound()
    next((stocked.env / SITE).glob("penstock_providers_alpha-*.dist-info/METADATA")).unlink()
    assert "has no metadata" in stocked.pm("list", "--broken", expect=5).out
    assert "it is not installed" in stocked.pm("verify", expect=6).out
