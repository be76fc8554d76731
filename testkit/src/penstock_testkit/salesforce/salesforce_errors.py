"""How Salesforce refuses: "Status Codes and Error Responses" of the REST API Developer Guide."""

from penstock_testkit.saas import HttpAnswer


def refused(code: str, message: str, status: int = 400) -> HttpAnswer:
    """An error of REST."""
    return HttpAnswer.json([{"message": message, "errorCode": code}], status)
