"""The operator that makes an object of S3 out of another one."""

import shlex
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from penstock import BashOperator, Operator
from penstock_aws.hooks import S3Hook


class S3FileTransformOperator(Operator):
    """Makes an object out of another one, by a function of two streams or a script of two files.

    What is made stands in a file of this machine until it is whole: a transformation that fails stores nothing. Objects may be
    larger than the memory.

    Args:
        source_s3_key: ``s3://`` URL of the object.
        dest_s3_key: ``s3://`` URL of what is made of it.
        transform: Function that reads the first of two binary streams and writes the second.
        transform_script: Or a program, by its path or its name on the PATH: it gets two paths as arguments, a file to read and
            one to write. Its exit code 99 marks the task skipped, any other but 0 fails it.
        script_args: Further arguments of the script.
        replace: Whether an object that is there is replaced; if not, it stays, and nothing is transformed.
        options: Further arguments of PutObject, such as ``{"ContentType": "text/csv"}``.
        source_aws_conn_id: The connection that reads.
        dest_aws_conn_id: The connection that writes.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source_s3_key", "dest_s3_key", "script_args")

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        source_s3_key: str,
        dest_s3_key: str,
        transform: Callable[[BinaryIO, BinaryIO], object] | None = None,
        transform_script: str = "",
        script_args: Sequence[str] | None = None,
        replace: bool = True,
        options: dict[str, Any] | None = None,
        source_aws_conn_id: str = "aws_default",
        dest_aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        if (transform is None) == (not transform_script):
            raise ValueError("give transform or transform_script, one of the two")
        self.source_s3_key, self.dest_s3_key, self.replace = source_s3_key, dest_s3_key, replace
        self.transform, self.transform_script, self.script_args = transform, transform_script, script_args
        self.options = options or {}
        self.source_aws_conn_id, self.dest_aws_conn_id = source_aws_conn_id, dest_aws_conn_id
        self._command: BashOperator | None = None

    def execute(self, context: Any) -> str:  # noqa: ANN401 - the spec's signature
        """Transform; returns the URL of what was made."""
        destination = S3Hook(self.dest_aws_conn_id)
        written = self.replace or not destination.check_for_key(self.dest_s3_key)
        if written:
            with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
                made = self._made(Path(folder), context)
                written = destination.load_file(made, self.dest_s3_key, replace=self.replace, **self.options)
        done = "was made of" if written else "is there already, and stays as it is; nothing was made of"
        self.log.info("%s: %s %s", self.dest_s3_key, done, self.source_s3_key)
        return self.dest_s3_key

    def on_kill(self) -> None:
        """End the script."""
        if self._command is not None:
            self._command.on_kill()

    def _made(self, folder: Path, context: Any) -> Path:  # noqa: ANN401 - as above
        """The file that the transformation has written."""
        hook, source, made = S3Hook(self.source_aws_conn_id), folder / "source", folder / "made"
        if self.transform is not None:
            with hook.open(self.source_s3_key) as stream, made.open("wb") as file:
                self.transform(stream, file)
            return made
        made.touch()
        hook.download(self.source_s3_key, source)
        words = [self.transform_script, str(source), str(made), *(self.script_args or ())]
        self._command = BashOperator(task_id=self.task_id, bash_command=shlex.join(words))
        self._command.execute(context)
        return made
