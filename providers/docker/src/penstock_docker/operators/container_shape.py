"""What a container is made of: the arguments by which a task shapes it, in the words of the engine."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from penstock.spec.external_job import ExternalJob

_NANO = 1_000_000_000
_NOT_HERE = frozenset({"auto_remove", "restart_policy"})
_NOT_HERE_ADVICE = "Use the task's own auto_remove and retries."


class ContainerShape(ExternalJob):
    """The base of tasks that run a container, with what shapes one.

    Args:
        command: What runs in it: a list of words, or one text that is split as a shell does; the image's own unless given.
        entrypoint: What the command is given to, alike; the image's own unless given.
        environment: Environment variables. They are shown with the task; what is secret belongs into ``private_environment``.
        private_environment: Environment variables whose values are shown nowhere, and are hidden in the container's log. They
            may be templates, such as ``{{ conn.shop.password }}``.
        working_dir: The folder in which it begins.
        user: Name or number of the user, ``user:group`` too; the image's own unless given.
        labels: Labels of the container, besides those that tell its task.
        mounts: What is seen in it, each as a dict such as ``{"Type": "bind", "Source": "/data", "Target": "/in",
            "ReadOnly": True}``; nothing unless given. The source is on the engine's machine.
        network_mode: ``bridge``, ``host``, ``none``, ``container:ID`` or the name of a network.
        cpus: How many processors it may use, such as 0.5.
        mem_limit: Bytes of memory it may use, or text such as ``512m``; more is its end.
        shm_size: Bytes of its shared memory, or text such as ``64m``.
        device_requests: Devices such as GPUs: ``[{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]``.
        ulimits: Limits of its processes: ``[{"Name": "nofile", "Soft": 1024, "Hard": 2048}]``.
        log_opts: Options of the engine's log of it, such as ``{"max-size": "10m"}``. What is rotated away between two looks is lost.
        healthcheck: As the engine takes it: ``{"test": ["CMD", "true"], "interval": 5_000_000_000}``; told if the container fails.
        tty: Whether it has a terminal.
        platform: Such as ``linux/arm64``; the engine's own unless given.
        host_options: Any other argument of the SDK's `create_host_config`, such as ``{"cap_add": ["SYS_PTRACE"]}``.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "command", "entrypoint", "environment", "working_dir", "user", "labels", "mounts", "network_mode",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        command: list[str] | str | None = None,
        entrypoint: list[str] | str | None = None,
        environment: dict[str, str] | None = None,
        private_environment: dict[str, str] | None = None,
        working_dir: str = "",
        user: str = "",
        labels: dict[str, str] | None = None,
        mounts: list[dict[str, Any]] | None = None,
        network_mode: str = "",
        cpus: float = 0.0,
        mem_limit: int | str = 0,
        shm_size: int | str = 0,
        device_requests: list[dict[str, Any]] | None = None,
        ulimits: list[dict[str, Any]] | None = None,
        log_opts: dict[str, str] | None = None,
        healthcheck: dict[str, Any] | None = None,
        tty: bool = False,
        platform: str = "",
        host_options: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        for name in sorted(_NOT_HERE & (host_options or {}).keys()):
            raise ValueError(
                f"host_options has {name}, which ends or begins a container behind its task. {_NOT_HERE_ADVICE}"
            )
        self.command, self.entrypoint, self.environment = command, entrypoint, environment
        self.private_environment, self.working_dir, self.user, self.labels = (
            private_environment,
            working_dir,
            user,
            labels,
        )
        self.mounts, self.network_mode, self.cpus = mounts, network_mode, cpus
        self.mem_limit, self.shm_size, self.device_requests = mem_limit, shm_size, device_requests
        self.ulimits, self.log_opts, self.healthcheck = ulimits, log_opts, healthcheck
        self.tty, self.platform, self.host_options = tty, platform, host_options

    def _config(self, private: Mapping[str, str]) -> dict[str, Any]:
        """Arguments of the SDK's `create_container` that were given."""
        given = {
            "command": _words(self.command),
            "entrypoint": _words(self.entrypoint),
            "environment": {**(self.environment or {}), **private},
            "working_dir": self.working_dir,
            "user": self.user,
            "healthcheck": self.healthcheck,
            "tty": self.tty,
            "platform": self.platform,
        }
        return {name: value for name, value in given.items() if value}

    def _host(self) -> dict[str, Any]:
        """Arguments of the SDK's `create_host_config` that were given."""
        given = {
            "mounts": self.mounts,
            "network_mode": self.network_mode,
            "nano_cpus": round(self.cpus * _NANO),
            "mem_limit": self.mem_limit,
            "shm_size": self.shm_size,
            "device_requests": self.device_requests,
            "ulimits": self.ulimits,
            "log_config": {"Type": "json-file", "Config": self.log_opts} if self.log_opts else None,
        }
        return {name: value for name, value in given.items() if value} | (self.host_options or {})


def _words(given: list[str] | str | None) -> list[str]:
    return shlex.split(given) if isinstance(given, str) else [str(each) for each in given or ()]
