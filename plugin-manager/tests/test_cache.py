from __future__ import annotations

import os

from penstock_plugin_manager.index.cache import DownloadCache


def test_what_was_fetched_is_kept_by_kind_until_it_is_too_old(tmp_path, monkeypatch):
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path))
    cache = DownloadCache("wheels")
    assert cache.read("a") is None
    cache.write("a", b"body")
    assert cache.read("a") == cache.read("a", max_age=3600.0) == b"body"
    assert DownloadCache("catalogs").read("a") is None
    os.utime(tmp_path / "wheels" / "a", (0, 0))
    assert cache.read("a", max_age=3600.0) is None
    assert cache.read("a") == b"body"


def test_a_cache_that_cannot_be_written_to_keeps_nothing(tmp_path, monkeypatch):
    (tmp_path / "wheels").write_text("a file in the way")
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path))
    DownloadCache("wheels").write("a", b"body")
    assert DownloadCache("wheels").read("a") is None
