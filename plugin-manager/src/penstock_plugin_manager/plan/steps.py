"""The steps of a change, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.model.names import CORE
from penstock_plugin_manager.model.requirement import Distribution, is_prerelease, newer, path_to

_INSTALLERS = frozenset({"pip", "uv"})
_CLOUDS = {
    "Amazon Web Services": ("boto3", "botocore", "aiobotocore", "awscli", "awswrangler"),
    "Google Cloud": ("google-cloud-", "google-api-core", "google-api-python-client", "gcloud-"),
    "Microsoft Azure": ("azure-", "msal", "adlfs"),
    "Alibaba Cloud": ("alibabacloud-", "aliyun-", "oss2"),
    "Oracle Cloud": ("oci", "oracledb"),
    "Databricks": ("databricks-",),
    "Snowflake": ("snowflake-",),
}


class Step(NamedTuple):
    """One change to one distribution.

    Attributes:
        action: ``add``, ``upgrade``, ``downgrade``, ``replace`` or ``remove``.
        via: The path from a requirement to this distribution, both included.
        download: Bytes to fetch; None when unknown.
        disk: Bytes that appear on disk (negative when they go); None when unknown.
    """

    action: str
    name: str
    old: str
    new: str
    reason: str
    via: tuple[str, ...] = ()
    download: int | None = None
    disk: int | None = None


class Plan(NamedTuple):
    """A change: what will be done, what could be done besides, and what deserves a look first."""

    steps: tuple[Step, ...]
    target: tuple[Locked, ...] = ()
    orphans: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kept: int = 0

    @property
    def installs(self) -> list[str]:
        """Return the names to install."""
        return [step.name for step in self.steps if step.action != "remove"]

    @property
    def removals(self) -> list[str]:
        """Return the names to take out."""
        return [step.name for step in self.steps if step.action == "remove"]


class PlanInput(NamedTuple):
    """All that a plan is made from.

    Attributes:
        present: What stands in the environment.
        target: What is to stand there, by the resolution.
        wanted: Distribution of each requirement to the requirement as it was written.
        dropped: Distributions that the user asked to take out, each with the reason that is shown.
        removable: Distributions that came only for others' sake.
        prune: Whether removable ones that nothing needs are taken out.
        damaged: Distributions whose installed files are not the recorded ones, each with the reason that is shown.
    """

    present: Mapping[str, Distribution]
    target: Mapping[str, Locked]
    wanted: Mapping[str, str]
    dropped: Mapping[str, str] = {}
    removable: frozenset[str] = frozenset()
    prune: bool = False
    damaged: Mapping[str, str] = {}


def make_plan(inputs: PlanInput) -> Plan:
    """Return the steps from the present to the target, in an order that the user can follow."""
    needs = parents(inputs.target.values())
    steps = []
    for name, locked in sorted(inputs.target.items()):
        old = inputs.present.get(name)
        damage = inputs.damaged.get(name, "") if locked.installable else ""
        if old is None or _differs(old, locked) or damage:
            via = path_to(name, needs, inputs.wanted)
            action = _action(old, locked)
            old_version = old.version if old else ""
            reason = damage or reason_for(name, via, inputs.wanted)
            steps.append(Step(action, name, old_version, locked.version, reason, via))
    orphans = sorted(
        name
        for name in inputs.removable
        if name in inputs.present and name not in inputs.target and name not in inputs.dropped
    )
    gone = dict(inputs.dropped)
    if inputs.prune:
        gone |= dict.fromkeys(orphans, "nothing needs it any more")
        orphans = []
    steps += [
        Step("remove", name, inputs.present[name].version, "", reason)
        for name, reason in sorted(gone.items())
        if name in inputs.present and name not in inputs.target
    ]
    kept = sum(1 for name in inputs.target if name in inputs.present) - sum(
        1 for step in steps if step.action not in {"add", "remove"}
    )
    warnings = [*_clouds(inputs, steps), *_moves(steps, inputs.present)]
    return Plan(tuple(steps), tuple(inputs.target.values()), tuple(orphans), tuple(warnings), kept)


def _moves(steps: Iterable[Step], present: Mapping[str, Distribution]) -> list[str]:
    """Return a sentence for each distribution that goes down, and for each that another manager than pip or uv has installed."""
    found = []
    for step in steps:
        if step.action == "downgrade":
            found.append(f"{step.name} goes down from {step.old} to {step.new}{_why_down(step.old)}")
        installer = present[step.name].installer if step.name in present else ""
        if installer and installer.lower() not in _INSTALLERS:
            found.append(f"{step.name} was installed by {installer}, whose own records will not know of this change")
    return found


def _why_down(old: str) -> str:
    if is_prerelease(old):
        return ": a pre-release is considered with --pre alone"
    return ": no source offers a newer one that fits (it may be yanked, gone, or in the way of something else)"


def _differs(old: Distribution, locked: Locked) -> bool:
    if locked.directory:
        return not old.source.startswith("file:") or old.editable != locked.editable
    return bool(locked.version) and old.version != locked.version


def _action(old: Distribution | None, locked: Locked) -> str:
    if old is None:
        return "add"
    if old.version == locked.version:
        return "replace"
    return "upgrade" if newer(locked.version, old.version) else "downgrade"


def parents(packages: Iterable[Locked]) -> dict[str, set[str]]:
    """Return what needs each distribution directly."""
    found: dict[str, set[str]] = {}
    for package in packages:
        for child in package.dependencies:
            found.setdefault(child, set()).add(package.name)
    return found


def reason_for(name: str, via: tuple[str, ...], wanted: Mapping[str, str]) -> str:
    """Return the reason for a distribution as a phrase."""
    if name in wanted:
        return f"you want {wanted[name]}"
    if name == CORE:
        return "the core"
    return f"needed by {via[-2]}" if len(via) > 1 else "part of the lock"


def cloud_of(name: str) -> str:
    """Return the cloud whose SDK a distribution belongs to, or an empty string."""
    for cloud, prefixes in _CLOUDS.items():
        if any(name == prefix or (prefix.endswith("-") and name.startswith(prefix)) for prefix in prefixes):
            return cloud
    return ""


def _clouds(inputs: PlanInput, steps: list[Step]) -> list[str]:
    """Return a warning for each cloud SDK that comes along though no requirement needs that cloud directly."""
    requested = {
        cloud_of(child) for name in inputs.wanted if name in inputs.target for child in inputs.target[name].dependencies
    } | {cloud_of(name) for name in inputs.wanted}
    found = []
    for step in steps:
        cloud = cloud_of(step.name)
        if cloud and step.action != "remove" and cloud not in requested:
            found.append(
                f"{step.name} ({cloud}) comes along though nothing asked for it: {' -> '.join(step.via) or step.reason}"
            )
    return found
