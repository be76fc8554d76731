"""The refusal of a value that has no JSON form."""

_LONGEST_PLACE = 100


class NotSerialisableError(TypeError):
    """A value has no JSON form; the message names the type and its place in the value.

    Args:
        what: What was found.
        advice: What to do about it, as sentences.
        place: Where in the value.
    """

    def __init__(self, what: str, advice: str, place: str = "") -> None:
        self.what, self.advice, self.place = what, advice, place
        where = place.strip() if len(place) <= _LONGEST_PLACE else f"{place[:_LONGEST_PLACE].strip()}..."
        super().__init__(f"{what}{f' at {where}' if where else ''} has no JSON form. {advice}")

    def within(self, step: str) -> "NotSerialisableError":
        """The same of a value that holds this one."""
        return NotSerialisableError(self.what, self.advice, step + self.place)
