"""Alerts and their deliveries on both databases."""

from datetime import timedelta

from penstock.model.state import DeliveryState
from penstock.store import ALERTS, NewAlert


def alert(now, name, channel="ops"):
    return NewAlert(channel, name, now, f'{{"name": "{name}"}}')


def test_an_alert_is_kept_once_travels_in_a_delivery_and_is_attempted_by_one_process(store, now):
    store.outbox.register([ALERTS])
    assert store.alerts.keep([alert(now, "a"), alert(now, "b"), alert(now, "a")], moved=(0, 5), began=[("run|d", now)])
    assert not store.alerts.keep([alert(now, "c")], moved=(0, 5)), "another notifier made alerts of these notices"
    assert [(each.channel, each.alerts) for each in store.alerts.waiting()] == [("ops", 2)]
    assert store.alerts.troubles() == {"run|d": now}
    store.alerts.bundle("ops", now, now + timedelta(days=1), singly=1)
    (delivery,) = store.alerts.open()
    assert store.alerts.bodies(delivery.number) == ['{"name": "a"}', '{"name": "b"}']
    assert store.alerts.claim(delivery, now)
    assert not store.alerts.claim(delivery, now), "it has been begun"
    store.alerts.end_attempt(delivery.number, DeliveryState.EXPIRED, now, "it is down")
    assert [(each.attempts, each.failure) for each in store.alerts.given_up()] == [(1, "it is down")]
    assert store.alerts.keep([alert(now, "a")], ended=["run|d"])
    assert (store.alerts.waiting(), store.alerts.troubles()) == ([], {}), "the key is known as long as its delivery is"
    assert store.alerts.delete_before(now + timedelta(days=8)) == 1
    assert not store.alerts.any_needed()
    assert store.timings.took_s("d", "", 20) == store.timings.took_s("d", "t", 20) == store.timings.running() == []
