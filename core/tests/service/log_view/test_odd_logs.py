"""Logs that nobody meant to be read are shown and searched as far as they can be, and harm nobody."""

import msgspec
import pytest

from penstock.app.log_indexer import log_indexer
from penstock.logs.log_view import PAGE_BYTES
from penstock.model.logs.log_line import LONGEST_LINE
from penstock.service.log_view.log_lines import find_in_log, log_lines
from penstock.service.log_view.log_search import search_logs
from penstock.store import LogSearch
from penstock_testkit.logs.odd_logs import LONG_LINE, ODD_LOGS

from .test_log_lines import log

__all__ = ["log"]


@pytest.fixture
def index(installation, store):
    """Has what a log has grown by indexed."""
    installation.settings.state_folder.mkdir(exist_ok=True)

    def step():
        search = LogSearch.make(store, installation.settings.state_folder)
        indexer = log_indexer(installation, search)
        while indexer.step() == 0.0:
            pass
        search.close()

    return step


def shown(page):
    """The lines of a page, which reaches its reader as JSON."""
    return [each["text"] for each in msgspec.json.decode(msgspec.json.encode(page))["lines"]]


def same(texts, beginnings):
    return len(texts) == len(beginnings) and all(map(str.startswith, texts, beginnings))


@pytest.mark.parametrize("odd", ODD_LOGS, ids=lambda each: each.name)
def test_an_odd_log_is_read_from_both_ends_and_searched(installation, log, index, odd):
    log("", ended=True).path.write_bytes(odd.data)
    for backward in (False, True):
        page = log_lines(installation, "sales", "extract", backward=backward)
        assert same(shown(page), odd.lines)
        assert (page.start, page.end, page.size) == (0, len(odd.data), len(odd.data))
    index()
    assert same([hit.text for hit in search_logs(installation, [odd.word]).items], odd.found)
    assert len(find_in_log(installation, "sales", "extract", text=odd.word).matches) == len(odd.found)


def test_a_line_of_ten_megabytes_is_read_in_pieces_and_found(installation, log, index):
    log("", ended=True).path.write_bytes(LONG_LINE + b"after\n")
    offset, pieces = 0, []
    while offset < len(LONG_LINE):
        page = log_lines(installation, "sales", "extract", offset=offset)
        assert len(msgspec.json.encode(page)) < 2 * PAGE_BYTES
        pieces += [line.size for line in page.lines]
        offset = page.end
    assert max(pieces) == LONGEST_LINE
    assert sum(pieces) == len(LONG_LINE) + len("after\n")
    assert shown(log_lines(installation, "sales", "extract", backward=True))[-1] == "after"
    index()
    [hit] = search_logs(installation, ["needle"]).items
    assert (len(hit.text) <= LONGEST_LINE, hit.offset < len(LONG_LINE)) == (True, True)


def test_a_log_that_is_cut_or_begun_anew_is_read_as_it_is_now(installation, log, index):
    path = log("one needle\ntwo\n").path
    index()
    path.write_bytes(b"one\n")
    page = log_lines(installation, "sales", "extract", offset=15)
    assert (page.lines, page.start, page.size) == ((), 4, 4)
    assert shown(log_lines(installation, "sales", "extract", backward=True)) == ["one"]
    index()
    assert [hit.text for hit in search_logs(installation, ["needle"]).items] == [], "it does not stand there any more"
    path.write_bytes(b"another log\nthat is longer\nby far\n")
    index()
    assert [hit.text for hit in search_logs(installation, ["far"]).items] == ["by far"]


def test_what_somebody_has_put_beside_logs_is_none(installation, log, index):
    path = log("needle\n", ended=True).path
    for name in ("1.log.1", "1.log.gz", "core", "x.log"):
        path.with_name(name).write_bytes(b"needle\n")
    path.with_name("2.log").mkdir()
    index()
    assert len(search_logs(installation, ["needle"]).items) == 1
