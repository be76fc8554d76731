"""The page of the execution API: each message with its fields, from the structs that both sides share."""

import inspect
import re
from collections.abc import Iterator

import msgspec

from penstock.model.remote import execution_messages as messages
from penstock.model.remote.remote_try import WorkerStatus
from penstock.plugins.locked_environments import APART, PIECE, PORTION

_ROUTES: tuple[tuple[str, type[msgspec.Struct], type[msgspec.Struct] | None], ...] = (
    ("claims", messages.ClaimTickets, messages.ClaimAnswer),
    ("renewals", messages.Renewal, messages.RenewalAnswer),
    ("asks", messages.TryQuestion, None),
    ("reports", messages.Reports, messages.ReportAnswer),
)
_LOCK: type[msgspec.Struct] = messages.EnvironmentLock
_PARTS: tuple[type[msgspec.Struct], ...] = (
    messages.Claimed,
    WorkerStatus,
    messages.TryReport,
    messages.LogPiece,
    messages.Reported,
    messages.LockedDistribution,
)
_FIELD = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def page(note: str) -> str:
    """The text of the page."""
    return "\n".join([*_about(note), *_routes(), *_structs(), ""])


def _about(note: str) -> Iterator[str]:
    yield "# The execution API\n"
    yield note
    rfc = "https://www.rfc-editor.org/rfc/rfc9457"
    yield "What `penstock worker` and a server say to each other, for who runs tries by other means. Messages are MessagePack in"
    yield f"bodies of `POST {messages.PREFIX}/...`, `Content-Type: {messages.CONTENT_TYPE}`, of {messages.LARGEST >> 20} MiB at most;"
    yield "structs are maps by the names of their fields. Each may be sent again. `Authorization: Bearer ...` shows a ticket, the token"
    yield "of a claim, or the token of a user with [`workers:run`](permissions.md), who may announce slots. A refusal is a problem of"
    yield f"[RFC 9457]({rfc}): 404 for what is not the worker's, 422 for what will never come, 503 while the database is away."
    yield "Why it is so: [ADR 70](../adr/0070-the-broker-is-a-doorbell.md).\n"
    yield "Within `v1`, fields and routes are added, and none is taken away or gets another meaning: a field that a side does not know"
    yield "is left out without a word, and each that came later has a default. What an older worker must not leave out gets another path,"
    yield "which a server that does not know it answers with 404; the worker then names its own version. So servers are upgraded first."
    yield "Isolated providers need workers of the server's own version.\n"


def _routes() -> Iterator[str]:
    yield "| route | asked | answered |"
    yield "|---|---|---|"
    for route, asked, answer in _ROUTES:
        yield f"| `/{route}` | {_link(asked)} | {'a `penstock.spec.wire.Reply`' if answer is None else _link(answer)} |"
    yield "| `/snapshots/HASH` | nothing, with the token of a try of that source | what `penstock.spec.snapshot.pack` makes of it |"
    yield f"| `/environments` | nothing, with the token of a try of an isolated provider | {_link(_LOCK)} |"
    yield (
        "| `/environments/DIGEST` | the same | a distribution of it, as `penstock.spec.archives.listed_archives.pack_listed` packs it, "
        f"without files of {APART >> 20} MiB and more; of one that is large, the first {PORTION >> 20} MiB |"
    )
    yield "| `/environments/DIGEST/NUMBER` | the same | its further portions, from 1 on, and nothing beyond the last one |"
    yield (
        f"| `/environments/DIGEST/HASH/OFFSET` | the same | {PIECE >> 20} MiB of such a file from an offset on, "
        "fewer before its end, and nothing there |\n"
    )


def _structs() -> Iterator[str]:
    messages_of = [each for _, asked, answer in _ROUTES for each in (asked, answer) if each is not None]
    for struct in (*messages_of, _LOCK, *_PARTS):
        text = inspect.getdoc(struct) or ""
        meanings = {name: " ".join(meaning.split()) for name, meaning in _FIELD.findall(text)}
        yield f"## {struct.__name__}\n"
        yield f"{text.partition(chr(10))[0].replace('``', '`')}\n"
        yield "| field | type | meaning |"
        yield "|---|---|---|"
        for field in msgspec.structs.fields(struct):
            meaning = meanings.get(field.name, "").replace("``", "`")
            yield f"| `{field.encode_name}` | `{_type(field.type)}` | {meaning} |"
        yield ""


def _type(kind: object) -> str:
    return (
        kind.__name__
        if isinstance(kind, type) and not hasattr(kind, "__args__")
        else str(kind)
        .replace("penstock.model.remote.execution_messages.", "")
        .replace("penstock.model.remote.remote_try.", "")
        .replace("typing.", "")
        .replace("|", "or")
    )


def _link(struct: type) -> str:
    return f"[{struct.__name__}](#{struct.__name__.lower()})"
