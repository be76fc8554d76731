"""A message that tells another error's words ends in one mark, whatever the words end with."""

import pytest

from house.sentences import doubled_stops
from house.tree import sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept


def test_no_message_puts_a_full_stop_behind_the_words_of_an_error(workspace):
    paths = sources_of(workspace)
    assert [each for path in paths for each in doubled_stops(str(path), (workspace / path).read_text())] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('f"{path}: {error}."', 1),
        ('f"{path}: {str(error)[1:]}. Try again."', 1),
        ('f"{path}: {error_sentence(error)}."', 1),
        ('f"{path}: {as_sentence(error)} Try again."', 0),
        ('f"{path}: {error}"', 0),
        ('f"{path}: {error!r}."', 0),
        ('f"{path}: {error.strerror}."', 0),
    ],
)
def test_the_contract_sees_it(text, found):
    assert len(list(doubled_stops("a.py", text))) == found
