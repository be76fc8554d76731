"""A folder that changes without an end is looked at less and less often, and one that people work in at once."""

import pytest

from penstock.load.pace import AT_ONCE, EACH_S, LONGEST_PAUSE_S, MANY, Pace

LOOK_S = 0.3


class Clock:
    """A loader in virtual time: it looks once something has changed and its pause is over, and a look takes a moment."""

    def __init__(self):
        self.pace, self.now_s, self.free_s, self.seen = Pace(), 0.0, 0.0, 0
        self.looks = []
        self.pace.looked({"a.py": "-", "b.py": "same"}, 0.0)

    def change(self, at_s):
        """Something changes; returns the seconds until that is seen."""
        self.now_s = max(at_s, self.free_s) + LOOK_S
        self.seen += 1
        self.free_s = self.now_s + self.pace.looked({"a.py": str(self.seen), "b.py": "same"}, self.now_s)
        self.looks.append(self.now_s)
        return self.now_s - at_s

    def edits(self, number, every_s):
        """The seconds until each of these edits is seen: one look sees all that were made before it."""
        begun, waits = self.free_s, []
        for edit in range(number):
            at_s = begun + edit * every_s
            # What is saved while the loader pauses is seen with what was saved before, by one look.
            if edit + 1 < number and at_s + every_s <= self.free_s:
                waits.append(self.free_s + LOOK_S - at_s)
            else:
                waits.append(self.change(at_s))
        return waits

    def without_end(self, until_s):
        """Something changes at each look, as a file does whose import writes into the folder."""
        while self.free_s < until_s:
            self.change(self.free_s)


@pytest.mark.parametrize(
    ("number", "every_s", "longest_s"),
    [
        pytest.param(AT_ONCE, 0.5, LOOK_S, id="a burst"),
        pytest.param(60, 5.0, LOOK_S, id="every five seconds for five minutes"),
        pytest.param(90, 10.0, LOOK_S, id="every ten seconds for a quarter of an hour"),
        pytest.param(150, 2.0, EACH_S + LOOK_S, id="every two seconds for five minutes"),
        pytest.param(1000, 40.0, LOOK_S, id="now and then all day"),
    ],
)
def test_who_edits_sees_each_edit_soon(number, every_s, longest_s):
    assert max(Clock().edits(number, every_s)) <= longest_s + 1e-6


def test_a_folder_that_changes_with_each_look_is_looked_at_once_a_minute_in_the_end():
    clock = Clock()
    clock.without_end(5 * 3600.0)
    pauses = [after - before - LOOK_S for before, after in zip(clock.looks, clock.looks[1:], strict=False)]
    assert max(pauses[: AT_ONCE - 2]) == pytest.approx(0.0)
    assert pauses[AT_ONCE + 5] == pytest.approx(EACH_S - LOOK_S, abs=0.5)
    assert sum(each < 3600.0 for each in clock.looks) <= MANY + 60
    assert sum(each >= 3600.0 for each in clock.looks) <= 4 * 60 + 1
    assert max(pauses) <= LONGEST_PAUSE_S


def test_the_files_that_change_are_named_once_many_changes_came_in_a_row():
    clock = Clock()
    clock.edits(60, 40.0)
    assert clock.pace.why == ""
    clock.without_end(clock.free_s + 300.0)
    assert "changes all the time, most of all a.py. It is looked at every 5 s, and later every 60 s" in clock.pace.why


@pytest.mark.parametrize(("rest_s", "begins_anew"), [(29.0, False), (31.0, True)])
def test_a_folder_that_is_at_rest_for_a_while_begins_anew(rest_s, begins_anew):
    clock = Clock()
    clock.without_end(3600.0)
    clock.change(clock.free_s + rest_s)
    assert (clock.free_s == clock.now_s) is begins_anew
    assert (clock.pace.why == "") is begins_anew


def test_looks_that_find_nothing_new_count_for_nothing():
    pace = Pace()
    assert {pace.looked({"a.py": "same"}, now_s / 10) for now_s in range(1000)} == {0.0}
