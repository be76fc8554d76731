"""Hooks of Docker: the only room that imports its SDK, and that on first use."""

from penstock_docker.hooks.container_logs import LogLine, LogPlace
from penstock_docker.hooks.docker_hook import DockerHook

__all__ = ["DockerHook", "LogLine", "LogPlace"]
