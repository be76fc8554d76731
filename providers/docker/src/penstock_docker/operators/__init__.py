"""Operators of Docker: a command in a container, and a function of Python in one."""

from penstock_docker.operators.container_run import DockerOperator
from penstock_docker.operators.function_call import DockerFunctionOperator
from penstock_docker.operators.function_task import docker_task

__all__ = ["DockerFunctionOperator", "DockerOperator", "docker_task"]
