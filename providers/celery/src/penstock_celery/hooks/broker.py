"""The broker: a Celery application with one task, and messages of it that carry a ticket each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.errors import ConfigError, ProviderError, as_sentence
from penstock.spec.remote import Ticket
from penstock_celery.connections import SCHEMES, BrokerOptions, verified_tls, with_login, without_password
from penstock_celery.errors import MessageRefusedError, broker_error

if TYPE_CHECKING:
    from celery import Celery  # type: ignore[import-untyped]  # it ships no types
    from kombu.connection import Connection
    from kombu.messaging import Producer

TASK = "penstock.ring"
"""Name of the task: whoever looks at the broker sees it."""
SHOWN = "(a ticket)"
"""What stands for the arguments in headers, events and logs: whoever has the ticket can take the try."""

_CLIENTS = {"redis": "redis", "rediss": "redis", "sentinel": "redis", "amqp": "amqp", "amqps": "amqp", "pyamqp": "amqp"}
"""The module of Celery's client of a broker, by the beginning of its URL."""

T = TypeVar("T")


def make_app(options: BrokerOptions, name: str, **conf: Any) -> Celery:  # noqa: ANN401 - settings of Celery's
    """Make the Celery application.

    Args:
        options: How to reach the broker.
        name: Of the executor in the settings.
        conf: Further settings of Celery.

    Raises:
        ConfigError: No broker is named, or one that is not supported, or not so; or Celery, or its client of such a broker, is missing.
    """
    given = options.broker
    if not given:
        raise ConfigError(
            f"[executors.{name}]: no broker is named. Give conn_id, broker, such as redis://127.0.0.1:6379/0, or CELERY_BROKER_URL."
        )
    if given.partition("://")[0] not in SCHEMES:
        raise ConfigError(f"the broker of executor {name!r} is to be one of {', '.join(SCHEMES)}.")
    _check_installed(given, name)
    from celery import Celery  # noqa: PLC0415 - on first use

    url, tls = verified_tls(with_login(given, options.username, options.password), name)
    app = Celery("penstock", broker=url, set_as_current=False)
    app.conf.update(
        broker_read_url=url, broker_write_url=url, broker_use_ssl=tls or False,
        task_protocol=2, task_serializer="json", accept_content=["json"], result_backend="disabled://",
        task_ignore_result=True, task_acks_late=False, task_create_missing_queues=True, broker_connection_retry=True,
        broker_connection_retry_on_startup=True, broker_connection_max_retries=None, broker_connection_timeout=4.0,
        worker_prefetch_multiplier=1, worker_enable_prefetch_count_reduction=False, worker_send_task_events=False,
        worker_hijack_root_logger=False, worker_redirect_stdouts=False, worker_detect_quorum_queues=True,
        broker_transport_options=dict(options.transport_options), **conf,
    )  # fmt: skip
    app.task(name=TASK, ignore_result=True, shared=False)(_ring)
    return app


def _check_installed(url: str, name: str) -> None:
    for module in ("celery", _CLIENTS[url.partition("://")[0]]):
        try:
            import_module(module)
        except ImportError as error:
            raise ConfigError(
                f"executor {name!r} needs {module}, which cannot be imported here: {as_sentence(error)} `plugin-manager doctor` shows "
                "what is missing."
            ) from None


def check_reachable(app: Celery) -> None:
    """Connect to an application's broker and let go of it: Celery's own worker tries again for ever, and tells nobody why.

    Raises:
        ProviderError: There is no way to it, or it lets nobody in.
    """
    try:
        with app.connection_for_read() as connection:
            connection.connect()
    except Exception as error:
        raise broker_error(error, "connect", broker_of(app)) from error


def broker_of(app: Celery) -> str:
    """The URL of an application's broker, without a password."""
    return without_password(str(app.conf.broker_write_url or ""))


class Broker:
    """Publishes tickets; for one thread.

    Args:
        options: How to reach the broker.
        name: Of the executor in the settings.

    Raises:
        ConfigError: As of `make_app`.
    """

    def __init__(self, options: BrokerOptions, name: str) -> None:
        self._options, self._app = options, make_app(options, name, broker_heartbeat=0)
        bound_s, self._is_blocked = options.publish_timeout_s, False
        bounds = (
            {
                **self._blocking,
                "confirm_publish": True,
                "read_timeout": bound_s,
                "write_timeout": bound_s,
                "connect_timeout": bound_s,
            }
            if self._is_amqp
            else {"socket_timeout": bound_s, "socket_connect_timeout": bound_s, "retry_on_timeout": False}
        )
        self._app.conf.broker_transport_options = {**bounds, **options.transport_options}
        self._connection: Connection | None = None
        self._producer: Producer | None = None

    def publish(self, tickets: Sequence[Ticket]) -> None:
        """Publish a message for each ticket; returns once the broker has them.

        Raises:
            ProviderError: The broker did not take them all.
        """
        left = list(tickets)

        def publish(producer: Producer) -> None:
            while left:
                ticket = left[0]
                self._app.send_task(
                    TASK, args=[ticket.secret], task_id=ticket.name, queue=self._options.queue(ticket.queue),
                    ignore_result=True, argsrepr=SHOWN, kwargsrepr="{}", producer=producer, retry=False,
                    **({"confirm_timeout": self._options.publish_timeout_s} if self._is_amqp else {}),
                )  # fmt: skip
                del left[0]

        self._with_producer("publish", publish)

    def waiting(self, queue: str) -> int:
        """Messages that wait in a queue for a worker.

        Raises:
            ProviderError: The broker does not answer.
        """

        def counted(producer: Producer) -> int:
            name = self._options.queue(queue)
            self._app.amqp.queues[name](producer.channel).declare()
            # A list of Redis that is empty is not there, and a queue that is not there is an error to a passive look.
            return int(producer.channel.queue_declare(name, passive=self._is_amqp).message_count)

        return self._with_producer("count", counted)

    def close(self) -> None:
        """Let go of the broker."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be broken
                connection.close()  # type: ignore[no-untyped-call]  # it ships a part of its types

    @property
    def _is_amqp(self) -> bool:
        return "amqp" in str(self._app.conf.broker_write_url).partition("://")[0]

    def _with_producer(self, operation: str, call: Callable[[Producer], T]) -> T:
        """Make a call; one that fails on a connection that was there before is made once more on a new one."""
        fresh = self._producer is None
        try:
            return call(self._connected())
        except Exception as error:
            self.close()
            if fresh:
                raise self._error(error, operation) from error
        return self._with_producer(operation, call)

    def _connected(self) -> Producer:
        if self._producer is None:
            self._connection, self._is_blocked = self._app.connection_for_write(), False
            self._connection.connect()
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        return self._producer

    @property
    def _blocking(self) -> dict[str, Callable[..., None]]:
        """What the client calls when the broker takes no messages for a while, and when it does again."""

        def blocked(*_: object) -> None:
            self._is_blocked = True

        def unblocked(*_: object) -> None:
            self._is_blocked = False

        return {"on_blocked": blocked, "on_unblocked": unblocked}

    def _error(self, error: BaseException, operation: str) -> ProviderError:
        if self._is_blocked:
            error = MessageRefusedError(
                "it takes no messages now, as it is short of memory or of disk (an alarm of RabbitMQ)"
            )
        return broker_error(error, operation, broker_of(self._app))


def _ring(_ticket: str) -> None:
    """Nothing: a worker of Penstock's takes the ticket, and a worker of another pool has nothing that it could do."""
    raise NotImplementedError("this task is for `penstock worker`: a worker of Celery's own cannot run it")
