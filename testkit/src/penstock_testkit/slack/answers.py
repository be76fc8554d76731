"""What every method of the Web API answers: who asks, refusals, pages."""

from collections.abc import Callable, Sequence
from typing import Any

from penstock_testkit.saas import HttpAnswer
from penstock_testkit.saas.messages import HttpRequest
from penstock_testkit.slack.slack_errors import SlackRefusedError
from penstock_testkit.slack.state import WorkspaceState

Method = Callable[[WorkspaceState, dict[str, Any]], dict[str, Any]]


def method(scope: str = "") -> Callable[[Method], Callable[[WorkspaceState, HttpRequest], HttpAnswer]]:
    """Make a route of a method: the token is looked at, and its scopes; a refusal is an answer."""

    def made(function: Method) -> Callable[[WorkspaceState, HttpRequest], HttpAnswer]:
        def route(workspace: WorkspaceState, request: HttpRequest) -> HttpAnswer:
            try:
                workspace.check_token(request.header("Authorization"), scope)
                return HttpAnswer.json({"ok": True, **function(workspace, request.fields)})
            except SlackRefusedError as error:
                return HttpAnswer.json({"ok": False, "error": error.code, **error.more})

        return route

    return made


def page(found: Sequence[Any], fields: dict[str, Any], most: int) -> tuple[Sequence[Any], dict[str, str]]:
    """A page of a list, and the metadata with the cursor of the next; a cursor is the place where it begins.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    try:
        begin = int(str(fields.get("cursor", "")).removeprefix("at-") or 0)
    except ValueError:
        raise SlackRefusedError("invalid_cursor") from None
    end = begin + min(int(fields.get("limit", 100)), most)
    return found[begin:end], {"next_cursor": f"at-{end}" if end < len(found) else ""}
