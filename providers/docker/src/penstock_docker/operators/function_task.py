"""``@docker_task``: a function becomes a task that runs in a container, as ``@task`` makes one that runs here."""

from collections.abc import Callable
from typing import Any

from penstock import task
from penstock_docker.operators.function_call import DockerFunctionOperator


def docker_task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:  # noqa: ANN401 - a decorator
    """Make a function one whose tasks call it in a container; what ``@task`` offers besides is here, too.

    Args:
        function: The function.
        **options: Arguments of `DockerFunctionOperator`, such as ``image``.
    """
    return task.by(DockerFunctionOperator, function, **options)
