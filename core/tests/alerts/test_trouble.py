from datetime import UTC, datetime

import pytest

from penstock.alerts.trouble import Trouble, compared

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILE, PART = Trouble("x.py", "x.py:1: no", of_file=True), Trouble("pool p", "it is too small")


@pytest.mark.parametrize(
    ("present", "noted", "files", "told", "began", "ended"),
    [
        pytest.param([], [], True, [], [], [], id="all is well"),
        pytest.param([FILE], [], True, ["import_broken x.py"], ["file|x.py"], [], id="a file breaks"),
        pytest.param([FILE], ["file|x.py"], True, [], [], [], id="and stays broken"),
        pytest.param(
            [], ["file|x.py", "part|x.py"], True, ["import_mended x.py"], [], ["file|x.py"], id="and is mended"
        ),
        pytest.param([PART, FILE], [], False, ["unwell pool p"], ["part|pool p"], [], id="a part is unwell"),
        pytest.param([], ["part|pool p", "run|d"], False, ["well pool p"], [], ["part|pool p"], id="and well again"),
    ],
)
def test_what_is_wrong_is_told_once_and_again_when_it_is_right(present, noted, files, told, began, ended):
    found = compared(present, dict.fromkeys(noted, NOW), NOW, files=files)
    assert [f"{each.event} {each.subject}" for each in found.happened] == told
    assert ([key for key, _ in found.began], found.ended) == (began, ended)
