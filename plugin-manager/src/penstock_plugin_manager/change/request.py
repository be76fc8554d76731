"""What a command asks of a change: frozen values, made from the parsed words where they are parsed."""

from __future__ import annotations

from typing import NamedTuple

from penstock_plugin_manager.model.intent import Intent


class Limits(NamedTuple):
    """What the user permits a change to do.

    Attributes:
        core_change: Whether the core may move to another version.
        suspended: Whether a suspended provider may be installed.
        broken: Whether a provider whose manifest is not valid here may be installed.
        prereleases: Whether pre-releases are considered.
        max_mb: Megabytes that may be fetched; None leaves it to the policy.
        max_dists: Distributions that may be added; None leaves it to the policy.
    """

    core_change: bool = False
    suspended: bool = False
    broken: bool = False
    prereleases: bool = False
    max_mb: int | None = None
    max_dists: int | None = None


class ChangeOptions(NamedTuple):
    """How a command that changes an environment was called.

    Attributes:
        limits: What the change may do.
        dry_run: Whether the plan is shown and nothing is changed.
        yes: Whether the user is not asked before the plan is executed.
        impact: Whether a plan that is shown says what of the project it may break.
    """

    limits: Limits = Limits()
    dry_run: bool = False
    yes: bool = False
    impact: bool = False


class ChangeRequest(NamedTuple):
    """What a command wants done.

    Attributes:
        title: The command as it was typed, for the history.
        intent: The intent that shall hold afterwards.
        dropped: Provider ids to take out of the shared environment.
        upgrade: Distributions that may move; ``*`` is all of them.
        prune: Whether what nothing needs any more goes.
        frozen: Whether the lock must be used as it is.
    """

    title: str
    intent: Intent
    dropped: tuple[str, ...] = ()
    upgrade: tuple[str, ...] = ()
    prune: bool = False
    frozen: bool = False
