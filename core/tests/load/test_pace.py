"""A folder that changes without an end is looked at less and less often, and one that people work in at once."""

import pytest

from penstock.load.pace import AT_ONCE, LONGEST_PAUSE_S, Pace


def looks(*changes):
    """The pauses after looks that come so many seconds after the pause before, each of which finds another content."""
    pace, now_s, pauses = Pace(), 0.0, []
    pace.looked({"a.py": "-", "b.py": "same"}, now_s)
    for number, after_s in enumerate(changes):
        now_s += after_s + (pauses[-1] if pauses else 0.0)
        pauses.append(pace.looked({"a.py": str(number), "b.py": "same"}, now_s))
    return pace, pauses


def test_who_edits_is_never_kept_waiting():
    assert set(looks(*[1.0] * AT_ONCE)[1]) == {0.0}
    assert set(looks(*[40.0] * 200)[1]) == {0.0}


def test_a_file_that_changes_with_each_look_is_named_and_looked_at_once_a_minute():
    pace, pauses = looks(*[0.3] * (AT_ONCE + 20))
    assert pauses[AT_ONCE : AT_ONCE + 8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert "a.py among the last 40 changes" in pace.why
    assert "b.py" not in pace.why


@pytest.mark.parametrize(("rest_s", "pause_s"), [(29.0, LONGEST_PAUSE_S), (31.0, 0.0)])
def test_a_folder_that_is_at_rest_for_a_while_begins_anew(rest_s, pause_s):
    assert looks(*[0.3] * (AT_ONCE + 20), rest_s)[1][-1] == pause_s


def test_looks_that_find_nothing_new_count_for_nothing():
    pace = Pace()
    assert {pace.looked({"a.py": "same"}, now_s / 10) for now_s in range(1000)} == {0.0}
