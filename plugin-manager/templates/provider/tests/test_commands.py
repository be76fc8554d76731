"""The commands against the stand-in of the service."""

from penstock.testing import runtime

from penstock_sample.commands import list_items


def test_items_are_listed_by_their_beginning(service, connection, capsys):
    service.items.update({"in/a": b"one", "out/b": b""})

    with runtime({"sample_default": connection}):
        assert list_items(prefix="in/") == 0
        assert list_items(prefix="none/") == 1
    assert capsys.readouterr().out.split() == ["3", "in/a"]
