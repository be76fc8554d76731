"""Errors in the words of AWS's protocols of JSON."""

from penstock_testkit.saas import HttpAnswer


def error(code: str, message: str, status: int = 400) -> HttpAnswer:
    """An error; its code stands in the body and, as services of REST give it, in a header."""
    answer = HttpAnswer.json({"__type": code, "message": message}, status)
    answer.headers["x-amzn-ErrorType"] = code
    return answer
