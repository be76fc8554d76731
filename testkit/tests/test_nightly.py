import pytest

from penstock_testkit.nightly import NIGHTLY, at_night, nightly_but, thinned

LEFT = pytest.mark.nightly.mark


def marked(cases):
    """The cases that are left for the night, and those that are not."""
    night = [case for case in cases if isinstance(case, type(pytest.param())) and LEFT in [m.mark for m in case.marks]]
    return [case.values for case in night], [case for case in cases if case not in night]


def test_all_cases_but_those_that_are_kept_are_left_for_the_night():
    assert marked(nightly_but(["b"], iter("abc"))) == ([("a",), ("c",)], ["b"])


def test_one_case_of_so_many_is_kept_and_a_case_keeps_its_name_and_its_marks():
    slow = pytest.param(2, 3, id="slow", marks=pytest.mark.timeout(9))
    night, day = marked(found := thinned([1, slow, 4, 5], 3))
    assert (night, day) == ([(2, 3), (4,)], [1, 5])
    assert (found[1].id, [each.name for each in found[1].marks]) == ("slow", ["timeout", "nightly"])


def test_a_case_that_is_to_be_kept_and_is_none_is_told():
    with pytest.raises(ValueError, match=r"are no cases: \['z'\]"):
        nightly_but(["z"], ["a"])


def test_a_loop_takes_more_at_night():
    assert at_night("many", "few") == ("many" if NIGHTLY else "few")
