"""What an engine refuses: a status and its own words."""

from penstock_testkit.saas import HttpAnswer


class EngineError(Exception):
    """A refusal.

    Args:
        status: Of HTTP.
        message: The engine's words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def answer(self) -> HttpAnswer:
        """What the client gets."""
        return HttpAnswer.json({"message": self.message}, self.status)


def refused(status: int, message: str) -> HttpAnswer:
    """The answer of a refusal, for who has nobody to tell but the client."""
    return EngineError(status, message).answer()
