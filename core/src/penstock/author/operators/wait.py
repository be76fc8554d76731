"""Sensors that every installation has: for a time, a day, a file, a command."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.operators.bash import CommandFailedError
from penstock.author.operators.moment import WeekDay, local, week_days
from penstock.author.sensor import Sensor
from penstock.author.timetable.dates import utc_now

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class TimeSensor(Sensor):
    """Waits for a time of the day on which the run began, in the DAG's time zone.

    Args:
        target_time: The time of the day.
        **kwargs: What every sensor takes.
    """

    def __init__(self, *, target_time: time, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.target_time = target_time

    def poke(self, context: "Context") -> bool:
        """Return whether the time has come."""
        began = local(self, context["dag_run"].start_date or utc_now())
        target = datetime.combine(began.date(), self.target_time, self.target_time.tzinfo or began.tzinfo)
        return utc_now() >= target


class TimeDeltaSensor(Sensor):
    """Waits until so long after the end of the run's data interval; of a run without one, after its beginning.

    Args:
        delta: How long.
        **kwargs: What every sensor takes.
    """

    def __init__(self, *, delta: timedelta, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.delta = delta

    def poke(self, context: "Context") -> bool:
        """Return whether the time has come."""
        run = context["dag_run"]
        return bool(utc_now() >= (run.data_interval_end or run.run_after) + self.delta)


class DayOfWeekSensor(Sensor):
    """Waits for a day of the week, in the DAG's time zone.

    Args:
        week_day: The day or days: English names, or `WeekDay`.
        use_task_logical_date: Whether the run's logical date counts instead of the present.
        **kwargs: What every sensor takes.
    """

    def __init__(
        self,
        *,
        week_day: "str | WeekDay | Iterable[str | WeekDay]",
        use_task_logical_date: bool = False,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        week_days(week_day)
        self.week_day, self.use_task_logical_date = week_day, use_task_logical_date

    def poke(self, context: "Context") -> bool:
        """Return whether it is such a day."""
        now = context["logical_date"] if self.use_task_logical_date else utc_now()
        return local(self, now).isoweekday() in week_days(self.week_day)


class FileSensor(Sensor):
    """Waits for a file, or for a folder that holds one.

    Args:
        filepath: Its path, in which ``*`` and ``?`` stand for any characters; a template.
        fs_conn_id: A connection whose ``path`` in ``extra`` the path is relative to; none unless given.
        recursive: Whether ``**`` stands for folders of any depth.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("filepath",)

    def __init__(self, *, filepath: str, fs_conn_id: str = "", recursive: bool = False, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.filepath, self.fs_conn_id, self.recursive = filepath, fs_conn_id, recursive

    def poke(self, context: "Context") -> bool:
        """Return whether it is there."""
        base = context["conn"].get(self.fs_conn_id) if self.fs_conn_id else None
        path = Path(str(base.extra.get("path", "")) if base is not None else "") / self.filepath
        found = (Path(each) for each in glob(str(path), recursive=self.recursive))  # noqa: PTH207 - absolute patterns
        return any(each.is_file() or any(inner.is_file() for inner in each.rglob("*")) for each in found)


class BashSensor(Sensor):
    """Waits until a command ends with exit code 0.

    Args:
        bash_command: The command, which must be short; a template.
        env: Environment of the command; a template.
        output_encoding: Encoding of the output; what cannot be decoded is replaced.
        retry_exit_code: The exit code that means: not yet. Any other but 0 fails the task; None lets every one mean it.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bash_command", "env")
    template_ext: ClassVar[Sequence[str]] = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: str,
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env, self.output_encoding = bash_command, env, output_encoding
        self.retry_exit_code = retry_exit_code

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - the sensor's interface
        """Run the command and return whether it succeeded.

        Raises:
            CommandFailedError: It ended with an exit code that does not mean: not yet.
        """
        done = subprocess.run(
            ["bash", "-c", self.bash_command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if self.env is None else dict(self.env),
            check=False,
        )
        for line in done.stdout.decode(self.output_encoding, errors="replace").splitlines():
            self.log.info(line)
        if done.returncode and self.retry_exit_code not in (None, done.returncode):
            raise CommandFailedError(f"{self}: the command ended with exit code {done.returncode}.")
        return done.returncode == 0
