"""The names, tickets and tokens of tries on other machines: made and checked with the installation's key, and stored nowhere.

A ticket opens one try, once; a token stands for one claim of one try: its epoch is in the name, so it is useless for another.
"""

import hashlib
import re
from typing import NamedTuple

from penstock.spec.executor import TryRequest
from penstock.spec.remote import Ticket
from penstock.store import Keyring

LONGEST_NAME = 52
"""Characters of a name: a Kubernetes CronJob's bound, the least of those that engines have; a pod may have 63."""
_DIGEST, _PART = 16, 16
_NOT_LABEL = re.compile(r"[^a-z0-9]+")


class Claim(NamedTuple):
    """What a token stands for: the name of a try, and the text with which a worker claimed it."""

    name: str
    claim: str


def ticket_name(installation: str, request: TryRequest) -> str:
    """The name of a try's ticket: words of its DAG and task for people, and a digest that tells it from all others."""
    facts, key = request.facts, request.key
    whole = (
        f"{installation}\0{facts.dag_id}\0{facts.run_id}\0{key.run}\0{key.task_id}\0{key.map_index}\0{request.epoch}"
    )
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST]
    words = [_NOT_LABEL.sub("-", each.lower())[:_PART].strip("-") for each in (facts.dag_id, facts.task_id)]
    return "-".join(("t", *filter(None, words), digest))


def ticket(keyring: Keyring, name: str, request: TryRequest) -> Ticket:
    """The ticket of a try; raises ConfigError if there is no key."""
    facts = request.facts
    return Ticket(
        name, f"{name}.{keyring.seal(f'ticket {name}')}", request.queue, request.run, request.epoch, facts.dag_id, facts.run_id,
        facts.task_id, facts.map_index, facts.try_number, request.cpu, request.memory_bytes, request.executor_config,
    )  # fmt: skip


def opened(keyring: Keyring, secret: str) -> str:
    """The name that a ticket's secret opens; "" for none."""
    name, _, seal = secret.partition(".")
    return name if seal and keyring.is_sealed(f"ticket {name}", seal) else ""


def token(keyring: Keyring, name: str, claim: str) -> str:
    """What a worker shows that has claimed a try."""
    return f"{name}.{claim}.{keyring.seal(f'claim {name} {claim}')}"


def claim_of(keyring: Keyring, shown: str) -> Claim | None:
    """The claim that a token stands for; None for no token of this installation."""
    name, _, rest = shown.partition(".")
    claim, _, seal = rest.partition(".")
    return Claim(name, claim) if seal and keyring.is_sealed(f"claim {name} {claim}", seal) else None
