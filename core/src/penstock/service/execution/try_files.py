"""What workers fetch for their tries by content hash: source snapshots, and the environments of isolated providers."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.decoders import decode_msgpack
from penstock.errors import ConfigError, NotFoundError, RequestError, as_sentence
from penstock.model.remote.execution_messages import EnvironmentLock
from penstock.plugins.locked_environments import LockedEnvironments
from penstock.spec.executor import FileCode, PlanCode, TryRequest
from penstock.store import Keyring, RemoteTries
from penstock.tries.packed_snapshots import PackedSnapshots
from penstock.tries.remote.tickets import claim_of

_MOST_PACKED = 64 << 20
_DIGITS = 18


class TryFiles:
    """Answers whoever shows the token of a try with what that try needs, and with nothing else.

    What a try needs and this machine has not is an error of what was asked (`penstock.errors.RequestError`): asked again, it will not be
    there either. A `penstock.errors.NotFoundError` is about the token.

    Args:
        keyring: Proves tokens.
        tries: The tries.
        snapshots: Folder of the source snapshots.
        isolated: The file that names the environments of isolated providers.
    """

    def __init__(self, keyring: Keyring, tries: RemoteTries, snapshots: Path, isolated: Path) -> None:
        self._keyring, self._tries = keyring, tries
        self._snapshots, self._environments = PackedSnapshots(snapshots), LockedEnvironments(isolated)
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        self._lock, self._packing = threading.Lock(), threading.Lock()

    def snapshot(self, shown: str, wanted: str) -> bytes:
        """The source snapshot of a try, packed as `penstock.spec.snapshot.pack` does.

        Args:
            shown: The try's token.
            wanted: The content hash.

        Raises:
            NotFoundError: The try is not the worker's, or it has no such snapshot.
            RequestError: The snapshot is not on this machine, or is damaged.
            StoreError: The database failed.
        """
        code = self._code(shown)
        if not isinstance(code, FileCode) or code.snapshot != wanted:
            raise NotFoundError("source snapshot", wanted, hint="A token opens that of its own try.")
        try:
            return self._kept(wanted, lambda: self._snapshots.get(wanted).result())
        except NotFoundError:
            raise RequestError(
                f"the source snapshot {wanted} of {code.file} is not on the server's machine: its state folder is another one than "
                "the scheduler's, or was emptied. Share that folder; a change of the file makes another snapshot for later runs."
            ) from None

    def environment(self, shown: str) -> EnvironmentLock:
        """What the environment holds in which a try is to run; raises as `distribution`."""
        provider = self._provider(shown)
        with _readable(provider):
            return self._environments.lock(provider)

    def distribution(self, shown: str, wanted: str, portion: str = "0") -> bytes:
        """A portion of a distribution of that environment, packed as `penstock.spec.archives.listed_archives.pack_listed` does.

        Args:
            shown: The try's token.
            wanted: The digest that the environment's lock has of it.
            portion: Its number, in decimal digits; there is nothing beyond the last one.

        Raises:
            NotFoundError: The try is not the worker's, or it needs no environment but the server's.
            RequestError: The environment is not on this machine, is damaged, or has no such distribution; or that is no number.
            ConfigError: It cannot be read now.
            StoreError: The database failed.
        """
        provider, number = self._provider(shown), _number(portion)

        def packed() -> bytes:
            with self._packing, _readable(provider):  # workers that begin together want the same
                return self._kept(name, lambda: self._environments.pack(provider, wanted, number))

        name = f"{provider} {wanted} {number}"
        return self._kept(name, packed)

    def piece(self, shown: str, wanted: str, found: str, offset: str) -> bytes:
        """A piece of a large file of that distribution, which is not packed with it; nothing at its end.

        Args:
            shown: The try's token.
            wanted: The digest that the environment's lock has of the distribution.
            found: The file's content hash.
            offset: Where the piece begins, in decimal digits.

        Raises:
            NotFoundError: As `distribution`.
            RequestError: As `distribution`; or there is no such file, or no such offset.
            ConfigError: As `distribution`.
            StoreError: The database failed.
        """
        provider, begin = self._provider(shown), _number(offset)
        with _readable(provider):
            return self._environments.piece(provider, wanted, found, begin)

    def _code(self, shown: str) -> FileCode | PlanCode | None:
        claim = claim_of(self._keyring, shown)
        request = None if claim is None else self._tries.request(claim.name, claim.claim)
        return None if request is None else decode_msgpack(request, TryRequest).code

    def _provider(self, shown: str) -> str:
        code = self._code(shown)
        if not isinstance(code, PlanCode) or not code.provider:
            raise NotFoundError("environment", "of this token", hint="A token opens that of its own try.")
        return code.provider

    def _kept(self, name: str, pack: Callable[[], bytes]) -> bytes:
        """What was packed a while ago, or is now."""
        with self._lock:
            found = self._packed.get(name)
            if found is not None:
                self._packed.move_to_end(name)
                return found
        found = pack()
        with self._lock:
            self._packed[name] = found
            while len(self._packed) > 1 and sum(map(len, self._packed.values())) > _MOST_PACKED:
                self._packed.popitem(last=False)
        return found


def _number(digits: str) -> int:
    """A portion's number, or an offset in a file, as a worker has written it."""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
        raise RequestError(
            f"{digits[:_DIGITS]!r} is no offset in a file, and no number of a portion: give decimal digits."
        )
    return int(digits)


@contextmanager
def _readable(provider: str) -> Iterator[None]:
    """Say of an environment that cannot be read now whose it is, and of a distribution that is none of it that it is so for good."""
    try:
        yield
    except NotFoundError as error:
        raise RequestError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"the environment of provider {provider!r} cannot be read: {as_sentence(error)}") from None
