import time
from datetime import UTC, datetime

from penstock.app import scheduler
from penstock.app.compose import open_store
from penstock.clock import SystemClock
from penstock.settings import load_settings


def test_a_scheduler_that_was_killed_a_moment_ago_is_waited_for(tmp_path, monkeypatch):
    settings = load_settings({}, tmp_path)
    dying = open_store(settings)
    dying.role.acquire("first", datetime(2026, 3, 1, tzinfo=UTC))
    monkeypatch.setattr(time, "sleep", lambda _: dying.close())
    with open_store(settings) as store:
        scheduler._take_role(store, "second", settings, SystemClock())
        assert store.role.holders()[0].holder == "second"
