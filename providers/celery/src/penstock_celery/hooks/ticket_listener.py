"""A Celery worker in a thread of ``penstock worker``, whose pool hands tickets on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence

from penstock.errors import ProviderError
from penstock.spec.remote import TicketSink
from penstock_celery.connections import BrokerOptions
from penstock_celery.errors import broker_error, celery_ended
from penstock_celery.hooks.broker import broker_of, check_reachable, make_app
from penstock_celery.hooks.celery_log import CeleryLog, taken_log
from penstock_celery.hooks.foreign_messages import BrokerWatch, consumer_class
from penstock_celery.hooks.ticket_pool import TicketPool, pool_class, refuse_revokes, slot_step

_PATIENCE_S = 3.0
ANSWER_S = 60.0
"""Seconds within which RabbitMQ has to answer what it is asked: a line on which it does not is made anew."""


class TicketListener:
    """Brings tickets from queues of a broker; implements `penstock.spec.remote.TicketSource`.

    Args:
        options: How to reach the broker.
        queues: Names of the queues.
        name: Of the executor in the settings.

    Raises:
        ConfigError: No broker is named, or one that is not supported.
    """

    def __init__(self, options: BrokerOptions, queues: Sequence[str], name: str) -> None:
        self._options, self._queues, self._name = options, queues, name
        self._pool: TicketPool | None = None
        self._watch = BrokerWatch()
        self._stopping, self._over = False, threading.Event()
        make_app(options, name)  # what is wrong is told at the start

    def listen(self, sink: TicketSink) -> None:
        """Be a Celery worker until told to stop, or until Celery's own control tells it to shut down: then all of this process drains.

        Raises:
            ProviderError: There is no way to the broker, or Celery's worker ended by itself.
        """
        from celery.worker import WorkController, state  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use
        from kombu.asynchronous import set_event_loop  # noqa: PLC0415 - as above

        app = make_app(self._options, self._name)
        if "amqp" in broker_of(app).partition("://")[0]:
            app.conf.broker_transport_options = {"read_timeout": ANSWER_S, **self._options.transport_options}
        try:
            check_reachable(app)
        except ProviderError:
            self._watch.lost()
            raise
        app.conf.worker_consumer = consumer_class(self._watch)
        refuse_revokes()
        state.should_stop = None
        set_event_loop(None)  # that of an earlier call is closed
        self._over.clear()
        with taken_log(broker_of(app)) as log:
            app.steps["consumer"].add(slot_step(lambda: self._stands(log, broker_of(app))))
            worker = WorkController(
                app=app, hostname=f"penstock@{sink.worker}", pool=pool_class(sink), concurrency=sink.slots,
                queues=[self._options.queue(each) for each in self._queues],
                without_mingle=True, without_gossip=True, loglevel="WARNING",
            )  # fmt: skip
            self._pool = worker.pool
            worker.pool.bind(worker)
            try:
                if not self._stopping:
                    worker.start()
            finally:
                self._pool = None
                self._over.set()
        if self._stopping:
            return
        if worker.exitcode:
            self._watch.lost()
            if (error := self._watch.cause(log.error)) is not None:
                raise broker_error(error, "consume", broker_of(app))
            raise celery_ended(worker.exitcode, broker_of(app))
        os.kill(os.getpid(), signal.SIGTERM)  # `celery control shutdown`: as a signal, it takes no try any more

    def _stands(self, log: CeleryLog, broker: str) -> None:
        log.forget()
        self._watch.found(broker)

    def stop(self) -> None:
        """Take no message any more; the second time: end at once."""
        from celery.worker import state  # noqa: PLC0415 - as above

        again, self._stopping = self._stopping, True
        pool = self._pool
        if pool is None:
            return
        at_once = again or not pool.running
        if at_once:
            state.should_stop = 0  # heard while no broker can be reached, too
        pool.leave()
        if at_once:
            self._over.wait(_PATIENCE_S)
