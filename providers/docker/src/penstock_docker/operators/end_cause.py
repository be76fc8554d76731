"""Why a container has failed, as people say it.

States and events are those of the Docker Engine API; exit codes those of "Exit status" in `docker run`'s reference, and of a
shell: 128 and the number of a signal.
"""

import signal
from collections.abc import Iterable, Mapping
from typing import Any

_MEANINGS = {
    125: "the engine could not run it",
    126: "a command could not be executed",
    127: "a command was not found",
}
_UNKNOWN, _AT_RESTART = 255, ("SIGKILL", "SIGTERM")
"""The code of a container whose end an engine has not seen, and how one that is restarted ends those that run."""
_FORGOTTEN = "; the engine remembers nothing of its end, as after a restart, by which an engine without live-restore ends what it runs"
_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_SHOWN = 300


def end_cause(container: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> str:
    """Why a container that has ended counts as failed, as a sentence without its full stop; "" if it does not.

    Args:
        container: As the engine tells it.
        events: What the engine remembers of it.
    """
    state, limit = container["State"], container.get("HostConfig", {}).get("Memory") or 0
    code = int(state.get("ExitCode") or 0)
    noted = list(events)
    if code == 0 and not state.get("Error"):
        return ""
    found = _of_memory(state, noted, code, limit) or _of_code(noted, code)
    more = [str(state["Error"])] if state.get("Error") else []
    health = state.get("Health") or {}
    if health.get("Status") == "unhealthy":
        output = str((health.get("Log") or [{}])[-1].get("Output", "")).strip()
        more.append(f"its health check had failed{f': {output[:_SHOWN]}' if output else ''}")
    return "; ".join([found, *more])


def _of_memory(state: Mapping[str, Any], events: list[Mapping[str, Any]], code: int, limit: int) -> str:
    if not state.get("OOMKilled") and "oom" not in map(_action, events):
        return ""
    who = "its container was" if state.get("OOMKilled") else "a process in its container was"
    why = f"the limit is {size_text(limit)}" if limit else "the machine had none left, and the container has no limit"
    return f"{who} killed for its memory: {why} (exit code {code})"


def _of_code(events: list[Mapping[str, Any]], code: int) -> str:
    name, forgotten = _signal_name(code), "" if "die" in map(_action, events) else _FORGOTTEN
    if not name:
        meaning = _MEANINGS.get(code)
        advice = forgotten if code == _UNKNOWN else ""
        return f"its container ended with exit code {code}{f': {meaning}' if meaning else ''}{advice}"
    sent = {
        str(each.get("Actor", {}).get("Attributes", {}).get("signal")) for each in events if _action(each) == "kill"
    }
    if sent & {str(code - 128), name.removeprefix("SIG"), name}:
        return f"somebody ended its container by the engine, with {name} (exit code {code})"
    advice = "; the engine sent none, so look at the machine's own memory" if name == "SIGKILL" else ""
    if name in _AT_RESTART:
        advice = forgotten or advice
    return f"its container was ended by {name} (exit code {code}{advice})"


def _signal_name(code: int) -> str:
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return ""


def _action(event: Mapping[str, Any]) -> str:
    return str(event.get("Action", event.get("status", "")))


def size_text(size: int) -> str:
    """A size as people write it, such as ``512 MiB``."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"
