"""One client's connection: start-up, the simple and the extended protocol, and what the proxy does in between."""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from penstock_testkit.redshift import dialect, lexer, wire
from penstock_testkit.redshift.alter import runs_alone
from penstock_testkit.redshift.backend import REFUSED, Backend, BackendLostError
from penstock_testkit.redshift.commands import Copy, Unload, parse_copy, parse_unload
from penstock_testkit.redshift.copying import Place, run_copy
from penstock_testkit.redshift.errors import ConnectionCutError, RedshiftError
from penstock_testkit.redshift.refused import refuse_too_large
from penstock_testkit.redshift.unloading import run_unload

_FORWARDED_PARAMETERS = {
    "user", "database", "client_encoding", "application_name", "options", "DateStyle", "TimeZone",
    "extra_float_digits", "search_path", "statement_timeout",
}  # fmt: skip
_FAULT_SETTING = "penstock_testkit"
_ABORTED = "current transaction is aborted, commands ignored until end of transaction block"


@dataclass(frozen=True, slots=True)
class _Step:
    """A statement ready to run: SQL for PostgreSQL, or a command that the proxy carries out."""

    verb: str
    sql: str = ""
    command: Copy | Unload | None = None

    @property
    def is_special(self) -> bool:
        return self.command is not None or self.verb == "TRUNCATE"


@dataclass(frozen=True)
class Upstream:
    """Where PostgreSQL is, and what sessions share.

    Attributes:
        host: PostgreSQL's address.
        port: PostgreSQL's port.
        place: Returns what COPY and UNLOAD need, given the name of the database.
        record: Is told of every statement: process id, user, text as received.
    """

    host: str
    port: int
    place: Callable[[str], Place]
    record: Callable[[int, str, str], None]


class Session:
    """Serves one client until it leaves."""

    def __init__(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, upstream: Upstream) -> None:
        self._client = client
        self._to_client = to_client
        self._upstream = upstream
        self._backend: Backend
        self._place: Place
        self._user = ""
        self._statements: dict[str, _Step] = {}
        self._portals: dict[str, _Step] = {}
        self._skipping = False

    async def serve(self) -> None:
        """Serve the client; returns when either side closed the connection."""
        pump: asyncio.Task[None] | None = None
        try:
            parameters = await self._start_up()
            if parameters is None:
                return
            reader, writer = await asyncio.open_connection(self._upstream.host, self._upstream.port)
            self._backend = Backend(
                reader, writer, self._to_client, reports_unicode=not _sets_client_encoding(parameters)
            )
            writer.write(wire.startup(parameters))
            pump = asyncio.create_task(self._backend.pump())
            pump.add_done_callback(lambda _: self._to_client.close())
            while True:
                await self._message(*await wire.read_message(self._client))
        except ConnectionCutError:
            self._to_client.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError, BackendLostError):
            pass
        finally:
            if pump is not None:
                self._backend.close()
                with contextlib.suppress(ConnectionError):
                    await pump
            self._to_client.close()

    async def _start_up(self) -> dict[str, str] | None:
        """Return the parameters for PostgreSQL, or None for a client that wanted no session."""
        while True:
            code, payload = await wire.read_startup(self._client)
            if code in {wire.SSL_REQUEST, wire.GSS_REQUEST}:
                self._to_client.write(b"N")
                await self._to_client.drain()
            elif code == wire.CANCEL_REQUEST:
                await self._cancel(payload)
                return None
            else:
                break
        if code >> 16 != 3:
            self._to_client.write(wire.error("unsupported frontend protocol", "0A000", severity="FATAL"))
            return None
        given = wire.startup_parameters(payload)
        self._user = given.get("user", "")
        given.setdefault("database", self._user)
        self._place = self._upstream.place(given["database"])
        if self._place.faults.take("refuse"):
            return None
        if "options" in given:
            given["options"] = _options(given["options"])
        return {name: value for name, value in given.items() if name in _FORWARDED_PARAMETERS}

    async def _cancel(self, payload: bytes) -> None:
        _, writer = await asyncio.open_connection(self._upstream.host, self._upstream.port)
        writer.write(struct.pack("!II", len(payload) + 8, wire.CANCEL_REQUEST) + payload)
        await writer.drain()
        writer.close()

    async def _message(self, kind: bytes, payload: bytes) -> None:
        if self._skipping and kind not in b"SQX":
            return
        if kind == b"X":
            raise ConnectionResetError
        if kind == b"Q":
            self._skipping = False
            await self._simple(wire.strings(payload, 1)[0][0])
        elif kind == b"P":
            await self._parse(payload)
        elif kind == b"B":
            (portal, name), _ = wire.strings(payload, 2)
            _follow(self._portals, portal, self._statements.get(name))
            await self._backend.send(kind, payload)
        elif kind == b"E" and (portal := wire.strings(payload, 1)[0][0]) in self._portals:
            await self._execute(self._portals[portal])
        else:
            if kind == b"S":
                self._skipping = False
            await self._backend.send(kind, payload)

    async def _simple(self, sql: str) -> None:
        self._upstream.record(self._backend.pid, self._user, sql)
        await asyncio.sleep(self._place.faults.delay)
        try:
            steps = self._steps(sql)
        except RedshiftError as error:
            await self._backend.send(b"Q", wire.text(REFUSED), refusal=_error(error))
            return
        if any(step.is_special for step in steps):
            await self._backend.settle()
            await self._sequence(steps)
        else:
            await self._backend.send(b"Q", wire.text("; ".join(step.sql for step in steps)))

    async def _parse(self, payload: bytes) -> None:
        (name, sql), types = wire.strings(payload, 2)
        self._upstream.record(self._backend.pid, self._user, sql)
        await asyncio.sleep(self._place.faults.delay)
        self._statements.pop(name, None)
        try:
            steps = self._steps(sql)
        except RedshiftError as error:
            refused = wire.text(name) + wire.text(REFUSED) + b"\0\0"
            await self._backend.send(b"P", refused, refusal=_error(error))
            return
        text = "; ".join(step.sql for step in steps)
        if len(steps) == 1 and steps[0].is_special:
            # PostgreSQL keeps an empty statement in its place, and so Bind, Describe and Close have their object.
            self._statements[name] = steps[0]
            text = ""
        await self._backend.send(b"P", wire.text(name) + wire.text(text) + types)

    async def _execute(self, step: _Step) -> None:
        if not await self._backend.settle():
            return
        frames, ok = await self._run(step)
        self._to_client.write(frames)
        await self._to_client.drain()
        self._skipping = not ok

    def _steps(self, sql: str) -> list[_Step]:
        refuse_too_large(sql)
        return [self._step(statement) for statement in lexer.statements(sql)]

    def _step(self, statement: lexer.Statement) -> _Step:
        verb = statement.tokens[0].word
        self._place.faults.before_statement(verb)
        if verb == "COPY":
            return _Step(verb, command=parse_copy(statement))
        if verb == "UNLOAD":
            return _Step(verb, command=parse_unload(statement))
        if verb == "SET":
            self._apply_fault(statement)
        if (alone := runs_alone(statement)) and self._backend.status == "T":
            raise RedshiftError(f"{alone} cannot run inside a transaction block", "25001")
        if self._backend.status == "T":
            self._place.procedures.refuse_in_block(statement)
        rewritten = dialect.rewrite(statement)
        self._place.fixed_columns.see(statement)
        self._place.procedures.see(statement)
        return _Step(verb, sql=rewritten)

    def _apply_fault(self, statement: lexer.Statement) -> None:
        names = [token.text for token in statement.tokens[1:4]]
        if names == [_FAULT_SETTING, ".", "fault"] and statement.tokens[-1].kind is lexer.Kind.STRING:
            self._place.faults.configure(statement.tokens[-1].value)

    async def _sequence(self, steps: list[_Step]) -> None:
        """Run statements one by one as the one transaction that a text of several is."""
        ours = False
        several = len(steps) > 1
        ok = True
        for step in steps:
            if several and self._backend.status == "I":
                await self._backend.run("BEGIN")
                ours = True
            if ours and step.verb in {"BEGIN", "START"}:
                ours = False
                self._to_client.write(wire.command_complete("BEGIN"))
                continue
            frames, ok = await self._run(step)
            self._to_client.write(frames)
            ours = ours and self._backend.status != "I"
            if not ok:
                break
        if ours:
            ended = await self._backend.run("COMMIT" if ok else "ROLLBACK")
            if ended.error is not None:
                self._to_client.write(wire.frame(b"E", ended.error))
        self._to_client.write(wire.ready(self._backend.status))
        await self._to_client.drain()

    async def _run(self, step: _Step) -> tuple[bytes, bool]:
        """Run a step, and return the frames for the client and whether it succeeded."""
        if step.command is not None and self._backend.status == "E":
            return wire.error(_ABORTED, "25P02"), False
        try:
            if isinstance(step.command, Copy):
                return await run_copy(self._backend, step.command, self._place), True
            if isinstance(step.command, Unload):
                return await run_unload(self._backend, step.command, self._place), True
        except RedshiftError as error:
            if self._backend.status == "T":
                await self._backend.run(REFUSED)
            return _error(error), False
        answer = await self._backend.run(step.sql)
        ok = answer.error is None
        if ok and step.verb == "TRUNCATE" and self._backend.status == "T":
            await self._backend.run("COMMIT")
        return answer.relayed(), ok


def _error(error: RedshiftError) -> bytes:
    return wire.error(error.message, error.sqlstate, error.detail)


def _follow(steps: dict[str, _Step], name: str, step: _Step | None) -> None:
    if step is None:
        steps.pop(name, None)
    else:
        steps[name] = step


def _sets_client_encoding(parameters: dict[str, str]) -> bool:
    return "client_encoding" in parameters or "client_encoding" in parameters.get("options", "")


def _options(options: str) -> str:
    """Give settings that only Redshift knows a name that PostgreSQL takes."""
    for name in dialect.SETTINGS:
        for form in (f"-c {name}=", f"-c{name}=", f"--{name}="):
            options = options.replace(form, form.replace(name, dialect.SETTING_PREFIX + name))
    return options
