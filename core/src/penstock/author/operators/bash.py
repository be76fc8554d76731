"""Shell commands as tasks."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.operator import Operator
from penstock.author.operators.child_process import ChildProcess
from penstock.author.operators.python import call_with_context
from penstock.author.run.coroutines import completed
from penstock.author.run.templates import as_shown, render_text
from penstock.errors import PenstockError, SkipTask

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class CommandFailedError(PenstockError):
    """A shell command ended with an exit code that means failure, or by a signal."""


class BashOperator(Operator):
    """Runs a command with bash; its output goes to the log line by line.

    The task fails if the exit code is neither 0 nor one of ``skip_on_exit_code``. The last line of the output is left
    for other tasks. When the try is cancelled, the command is asked to end, and killed 10 seconds later; nothing that
    it started outlives the try.

    Args:
        bash_command: The command, or the path of a ``.sh`` file beside the DAG file; a template.
        env: Environment of the command; a template.
        append_env: Whether ``env`` is added to this process's environment instead of replacing it.
        cwd: Folder in which it runs.
        skip_on_exit_code: Exit codes that mark the task skipped.
        output_encoding: Encoding of the output; what cannot be decoded is replaced.
        output_processor: Makes of the last line the value that is left, such as ``json.loads``.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bash_command", "env", "cwd")
    template_ext: ClassVar[Sequence[str]] = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: str,
        env: Mapping[str, str] | None = None,
        append_env: bool = False,
        cwd: str | None = None,
        skip_on_exit_code: int | Sequence[int] | None = 99,
        output_encoding: str = "utf-8",
        output_processor: Callable[[str], Any] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.cwd = bash_command, cwd
        self.env, self.append_env = env, append_env
        self.skip_on_exit_code = skip_on_exit_code
        self.output_encoding, self.output_processor = output_encoding, output_processor
        self._child = ChildProcess()

    def execute(self, context: "Context") -> Any:  # noqa: ANN401, ARG002 - what the processor returns; the operator's interface
        """Run the command and return the last line of its output, or what the processor makes of it.

        Raises:
            CommandFailedError: It ended with an exit code that means failure, or could not be started.
            SkipTask: It ended with an exit code that means: skip.
        """
        if self.cwd is not None and not Path(self.cwd).is_dir():
            raise CommandFailedError(f"{self}: the folder cwd={self.cwd!r} does not exist.")
        self._child = ChildProcess()
        try:
            code, last = self._child.run(
                ["bash", "-c", self.bash_command],
                cwd=self.cwd,
                env=self._environment(),
                encoding=self.output_encoding,
            )
        except FileNotFoundError:
            raise CommandFailedError(f"{self}: there is no bash on the PATH of this machine.") from None
        self._judge(code)
        return last if self.output_processor is None else self.output_processor(last)

    def on_kill(self) -> None:
        """End the command and everything that it started in its group."""
        self._child.kill()

    def _judge(self, code: int) -> None:
        skip = self.skip_on_exit_code
        if code == skip if isinstance(skip, int) else code in (skip or ()):
            raise SkipTask(f"the command ended with exit code {code}, which means: skip")
        if code < 0:
            raise CommandFailedError(f"{self}: the command was ended by {signal.Signals(-code).name}.")
        if code:
            raise CommandFailedError(f"{self}: the command ended with exit code {code}; its output is in the log.")

    def _environment(self) -> dict[str, str] | None:
        if self.env is None:
            return None
        return {**os.environ, **self.env} if self.append_env else dict(self.env)


class BashFunctionOperator(BashOperator):
    """Runs the command that a function returns; made by ``@task.bash``.

    Args:
        python_callable: The function.
        op_args: Its positional arguments; templates.
        op_kwargs: Its named arguments; templates.
        **kwargs: What `BashOperator` takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("op_args", "op_kwargs", "env", "cwd")
    lazy_fields: ClassVar[Sequence[str]] = ("op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(bash_command="", **kwargs)
        self.python_callable, self.op_args, self.op_kwargs = python_callable, op_args, op_kwargs

    def execute(self, context: "Context") -> Any:  # noqa: ANN401 - as the base's
        """Call the function for the command, render it, and run it.

        Raises:
            TypeError: The function returned no command.
            CommandFailedError: The command failed.
        """
        command = completed(call_with_context(self.python_callable, self.op_args, self.op_kwargs, context))
        if not isinstance(command, str) or not command.strip():
            raise TypeError(f"{self}: the function returned {command!r}; a @task.bash function returns a shell command")
        self.bash_command = render_text(command, self, "bash_command", context)
        context.rendered["bash_command"] = as_shown(self.bash_command)
        return super().execute(context)
