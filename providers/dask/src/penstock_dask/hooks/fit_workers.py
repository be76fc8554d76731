"""Which workers of a cluster can take what they would be sent: one that cannot even unpickle it breaks off its connection and ends.

Each is asked once, by a call whose failure is an answer.
"""

import contextlib
import pickle
from collections.abc import Callable, Collection
from typing import Any

from penstock_dask.hooks.clients import NoAnswerError, within

_ASKED = "(__import__('pickle').loads(given), eval(needs), '')[-1]"
_LONGEST = 200


class FitWorkers:
    """What is known of the workers of a cluster.

    Args:
        needs: An expression that a worker has to be able to evaluate.
        patience_s: Seconds to wait for their answers.
    """

    def __init__(self, needs: str, patience_s: float) -> None:
        self._needs, self._patience_s = needs, patience_s
        self._known: dict[tuple[str, str], str] = {}

    def problems(self, client: Any, workers: Collection[tuple[str, str]]) -> dict[str, str]:  # noqa: ANN401 - the SDK's
        """Why workers cannot be sent tasks, by address; those that have not answered are asked again, and held for fit.

        Args:
            client: The SDK's client.
            workers: Their addresses and ids.
        """
        self._known = {each: problem for each, problem in self._known.items() if each in workers}
        if new := [each for each in workers if each not in self._known]:
            with contextlib.suppress(NoAnswerError):
                answers = within(self._asked(client, [address for address, _ in new]), self._patience_s)
                self._known |= {each: _problem(answers[each[0]]) for each in new if each[0] in answers}
        return {address: problem for (address, _), problem in self._known.items() if problem}

    def _asked(self, client: Any, addresses: list[str]) -> Callable[[], dict[str, Any]]:  # noqa: ANN401 - as above
        from dask._task_spec import Task  # noqa: PLC0415 - what a task is sent as, of which there is no other name

        given = pickle.dumps(Task("t", eval, self._needs, {}))
        variables = {"given": given, "needs": self._needs}
        return lambda: client.run(eval, _ASKED, variables, workers=addresses, on_error="return")


def _problem(answer: object) -> str:
    if not isinstance(answer, BaseException):
        return ""
    text = " ".join(str(answer).split())[:_LONGEST] or type(answer).__name__
    if isinstance(answer, ImportError):
        return f"{text}; it needs penstock-core and penstock-providers-dask"
    return f"it cannot read a task that is sent from here ({text}); it needs the version of dask and distributed that is here"
