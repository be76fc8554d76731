from __future__ import annotations

from penstock_testkit.wheels import write_provider

from penstock_plugin_manager.catalog.build import build_catalog


def test_a_wheel_that_cannot_be_read_is_left_out_with_a_note(tmp_path):
    write_provider(tmp_path, "sound")
    (tmp_path / "bad-1.0-py3-none-any.whl").write_bytes(b"no zip file")
    notes: list[str] = []
    assert [each.id for each in build_catalog([tmp_path], [], notes.append)] == ["sound"]
    assert len(notes) == 1
    assert notes[0].startswith("bad-1.0-py3-none-any.whl is left out:")
