"""Files to Cloud Storage and back, and through a script."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from penstock import Operator
from penstock.errors import FailTask
from penstock_gcp.hooks import GCSHook


class LocalFilesystemToGCSOperator(Operator):
    """Stores a file as an object; a try that follows a killed one goes on where that has ended.

    Args:
        source: Path of the file, on the machine where the task runs.
        destination: ``gs://`` URL of the object.
        content_type: Its media type.
        parallel: How many parts of 32 MiB are sent at once. More than one makes objects of the parts, which are composed and
            deleted: the bucket must let objects be deleted, and the result has no MD5.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "destination", "content_type")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        content_type: str = "application/octet-stream",
        parallel: int = 1,
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.destination = source, destination
        self.content_type, self.parallel, self.gcp_conn_id = content_type, parallel, gcp_conn_id

    def execute(self, context: Any) -> int:  # noqa: ANN401 - the spec's signature
        """Store it; the object's generation."""
        hook = GCSHook(self.gcp_conn_id)
        if self.parallel > 1:
            return hook.upload_parts(
                self.source, self.destination, parallel=self.parallel, content_type=self.content_type
            )
        return hook.upload_file(
            self.source, self.destination, kept=context["checkpoints"], metadata={"contentType": self.content_type}
        )


class GCSToLocalFilesystemOperator(Operator):
    """Stores an object as a file, which is there whole or not at all.

    Args:
        source: ``gs://`` URL of the object.
        destination: Path of the file; its folder is made.
        parallel: How many parts of 32 MiB are fetched at once.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "destination")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        parallel: int = 1,
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.destination = source, destination
        self.parallel, self.gcp_conn_id = parallel, gcp_conn_id

    def execute(self, context: Any) -> str:  # noqa: ANN401, ARG002 - the spec's signature
        """Store it; the path."""
        target = Path(self.destination)
        target.parent.mkdir(parents=True, exist_ok=True)
        hook = GCSHook(self.gcp_conn_id)
        if self.parallel > 1:
            hook.download_parts(self.source, target, parallel=self.parallel)
        else:
            hook.download_file(self.source, target)
        return str(target)


class GCSFileTransformOperator(Operator):
    """Passes an object through a program: it is called with the path of the input and that of the output.

    Args:
        source: ``gs://`` URL of the input.
        destination: ``gs://`` URL of the output.
        transform_script: The program and its first arguments; no shell reads them.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "destination", "transform_script")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        transform_script: str | list[str],
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.destination, self.transform_script = source, destination, transform_script
        self.gcp_conn_id = gcp_conn_id
        self._program: subprocess.Popen[bytes] | None = None

    def execute(self, context: Any) -> int:  # noqa: ANN401, ARG002 - the spec's signature
        """Download, transform and upload; the generation of the output. Raises FailTask if the program fails."""
        hook = GCSHook(self.gcp_conn_id)
        command = [self.transform_script] if isinstance(self.transform_script, str) else list(self.transform_script)
        with tempfile.TemporaryDirectory(prefix="penstock-gcs-") as folder:
            before, after = Path(folder, "input"), Path(folder, "output")
            hook.download_file(self.source, before)
            self._program = subprocess.Popen([*command, str(before), str(after)])
            code = self._program.wait()
            if code:
                raise FailTask(f"{command[0]} ended with the code {code}; its words are in this log")
            if not after.exists():
                raise FailTask(f"{command[0]} wrote no file {after.name}: its last argument is the path to write to")
            return hook.upload_file(after, self.destination)

    def on_kill(self) -> None:
        """End the program; what it has started is ended with the task's process."""
        if self._program is not None:
            self._program.kill()
