"""The clickstream at ten times the founders' volume: 8 task instances and 800 events a second, from a stream to two stores.

    python bench/clickstream.py [--seconds 600] [--tasks 8] [--events 800]

The founders ran 2 million task instances and 200 million events a month: 0.8 and 77 a second. Servers of the test kit stand for
Kinesis, S3, Redshift (PostgreSQL behind it), Cloud Storage and Slack, and share the machine. The stream's time runs faster, so that its
hours bring the wanted task instances a second. Prints rates, lags and processor time, and beside them a plain loop that does the
same work on the same servers. Fails if a table or its mirror is not exact.
"""

import argparse
import json
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "clickstream"))

import boto3  # type: ignore[import-untyped]  # noqa: E402 - it ships no types
import clickstream_plain  # noqa: E402 - as below
import psycopg  # noqa: E402 - as below
from clickstream_load import FIRST, Plan, Sent, send, set_clock  # noqa: E402 - the example's folder first
from outside import BUCKET  # noqa: E402
from pipeline import HERE, StageError, tasks_of  # noqa: E402
from rehearsal import Rehearsal  # noqa: E402

EVENTS = ["scheduled", "departed", "arrived", "cancelled", "diverted"]
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
LATENESS_S = 900
PLAIN_HOURS = 1
SERVERS = ("s3", "redshift", "saas")
_TICKS_A_S = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure, print and check; the exit code is 1 if something is not exact."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long events are sent (default: 600)")
    parser.add_argument("--tasks", type=float, default=8.0, help="task instances a second (default: 8)")
    parser.add_argument("--events", type=float, default=800.0, help="events a second (default: 800)")
    given = parser.parse_args()
    tracked = dict.fromkeys(json.loads((HERE / "customers.json").read_text(encoding="utf-8")), EVENTS)
    hour_s = tasks_of(tracked) / given.tasks
    plan = Plan(tracked, given.events, max(1, round(given.seconds / hour_s)), hour_s)
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        stage = Rehearsal(Path(folder) / "stage", tracked, {"PENSTOCK_EXECUTOR__PARALLELISM": "8"})
        with stage:
            return 1 if Bench(stage, plan).run() else 0


class Bench:
    """One measurement."""

    def __init__(self, stage: Rehearsal, plan: Plan) -> None:
        self.stage, self.plan = stage, plan

    def run(self) -> list[str]:
        """Send, wait for the last hour, print everything; returns what is wrong."""
        stage, plan = self.stage, self.plan
        print(
            f"{len(plan.tracked)} customers, {len(plan.names)} tables; an hour of the stream takes {plan.hour_s:.1f} s, "
            f"{plan.hours} of them; {tasks_of(plan.tracked) / plan.hour_s:.1f} task instances and {plan.rate:.0f} events a second "
            "are offered",
            flush=True,
        )
        self._prepare()
        started = time.time()
        set_clock(stage.endpoint_url, 3600 / plan.hour_s)
        before = self._spent()
        with multiprocessing.get_context("fork").Pool(1) as pool:
            sending = pool.apply_async(_send, (stage.endpoint_url, plan, time.monotonic()))
            sent = sending.get(plan.hours * plan.hour_s + 120)
        for _ in stage.wait_for_runs(len(plan.tracked) * plan.hours, 600):
            pass
        after = self._spent()
        tasks = self._report(started, sent)
        total = sum(sent.events.values())
        print("processor time:", ", ".join(f"{name} {after[name] - before[name]:.1f} s" for name in after))
        ours = after["penstock"] - before["penstock"]
        print(
            f"penstock: {ours / tasks * 1000:.1f} ms a task instance, {ours / total * 1e6:.0f} us an event, all in all"
        )
        print("batcher:", next(each["detail"] for each in stage.penstock("services", "list")))
        wrong = self._wrong(sent)
        stage.down()
        self._plain(sent, ours)
        for each in wrong:
            print("WRONG:", each)
        print("every table and its mirror are exact" if not wrong else f"{len(wrong)} things are wrong")
        return wrong

    def _prepare(self) -> None:
        """Bring everything up, with tables and DAGs, and hours that have not begun."""
        file = self.stage.project / "penstock.toml"
        text = re.sub(r"(?m)^max_seconds = .*$", f"max_seconds = 15\nlateness_s = {LATENESS_S}", file.read_text())
        file.write_text(text)
        set_clock(self.stage.endpoint_url, 0)
        self.stage.schedule(FIRST, FIRST + timedelta(hours=self.plan.hours - 1))
        self.stage.up()
        waiting = "SELECT count(*) FROM try JOIN run USING (run) WHERE task_id = 'wait_for_hour' AND try.started_at IS NOT NULL"
        wanted = len(self.plan.tracked) * min(4, self.plan.hours)
        self.stage.wait_until(lambda: self.stage.rows(waiting)[0][0] >= wanted, "every customer to wait for hours", 300)

    def _spent(self) -> dict[str, float]:
        """Processor seconds so far of Penstock and of each server, with all that they have started."""
        found = {"penstock": processor_s(self.stage.up().pid)}
        for pid in _children(os.getpid()):
            command = _command(pid)
            if "penstock_testkit" in command:
                found[command[command.index("penstock_testkit") + 1]] = processor_s(pid)
        return found

    def _report(self, started: float, sent: Sent) -> int:
        """Print rates and lags; returns the number of task instances."""
        plan, total = self.plan, sum(sent.events.values())
        ended = [
            (str(task), _hour_of_run(str(run_id)), at / 1e6 - started)
            for task, run_id, at in self.stage.rows(
                "SELECT task_id, run_id, t.ended_at FROM task_instance t JOIN run USING (run) WHERE dag_id LIKE 'clickstream%'"
            )
        ]
        last = max(at for *_, at in ended)
        span = plan.hours * plan.hour_s
        print(f"{total} events were sent in {span:.0f} s: {total / span:.0f} a second, each twentieth twice")
        print(f"{len(ended)} task instances ended, the last one {last - span:.1f} s after the last event")
        if plan.hours > 1:
            first = max(at for _, hour, at in ended if hour == 0)
            rest = sum(hour > 0 for _, hour, _ in ended)
            print(
                f"from the first hour's last one to the last hour's: {rest / (last - first):.2f} task instances a second"
            )
        patience = LATENESS_S / 3600 * plan.hour_s
        print(f"lag behind an hour's end, of which the batcher waits {patience:.1f} s for late events:")
        for prefix, what in (("wait", "marker seen"), ("load", "loaded"), ("mirror", "mirrored")):
            lags = [at - plan.hour_end(hour) for task, hour, at in ended if task.startswith(prefix)]
            thirds = [statistics.median(part) for part in _thirds(ended, plan, prefix)]
            print(
                f"  {what:12} median {statistics.median(lags):6.1f} s, 95 % {_percentile(lags, 0.95):6.1f} s, most {max(lags):6.1f} s; "
                f"medians of each third of the time: {', '.join(f'{each:.1f}' for each in thirds)} s",
                flush=True,
            )
        return len(ended)

    def _wrong(self, sent: Sent) -> list[str]:
        """Tables and mirrors that do not hold what was sent, each event once."""
        wrong = []
        for name in self.plan.names:
            customer, _, event = name.partition(".")
            table = f'clickstream."{customer.lower()}_{event}"'
            rows = self.stage.select(f"SELECT hour, count(*), sum(flight) FROM {table} GROUP BY hour")
            found = {_hour_number(at.replace(tzinfo=UTC)): (count, int(flights)) for at, count, flights in rows}
            wanted = {
                hour: (count, sent.flights[each, hour]) for (each, hour), count in sent.events.items() if each == name
            }
            if found != wanted:
                wrong.append(f"{name}: the table has {found}, sent were {wanted}")
            mirrored = sum(clickstream_plain.lines_of(each) for each in self.stage.outside.mirrored(f"{name}/"))
            if mirrored != sum(count for count, _ in wanted.values()):
                wrong.append(f"{name}: the mirror has {mirrored} events, sent were {wanted}")
        return wrong

    def _plain(self, sent: Sent, ours: float) -> None:
        """Run the plain loop on the first hours, and print what it took beside ours."""
        stage, total = self.stage, sum(sent.events.values())
        wanted = sum(count for (_, hour), count in sent.events.items() if hour < PLAIN_HOURS)
        with psycopg.connect(stage.warehouse["url"], autocommit=True) as connection:
            connection.execute("CREATE SCHEMA plain")
            for name in self.plan.names:
                table = name.lower().replace(".", "_")
                connection.execute(f'CREATE TABLE plain."{table}" (LIKE clickstream."{table}")'.encode())
        with multiprocessing.get_context("fork").Pool(1, os.environ.update, (stage.network,)) as pool:
            given = (stage.endpoint_url, KEYS, stage.warehouse["url"], BUCKET, PLAIN_HOURS)
            rows, seconds, processor = pool.apply(clickstream_plain.work, given)
        if rows != wanted:
            raise StageError(f"the plain loop found {rows} events, sent were {wanted}")
        tasks = 2 * len(self.plan.names) * PLAIN_HOURS
        print(
            f"plain loop: {rows} events, {tasks} loads and copies in {seconds:.1f} s, one after the other: "
            f"{tasks / seconds:.1f} and {rows / seconds:.0f} a second; {processor:.1f} s of processor, "
            f"{processor / rows * 1e6:.0f} us an event; penstock takes {ours / total / (processor / rows):.1f} x of it"
        )


def _send(endpoint_url: str, plan: Plan, start: float) -> Sent:
    kinesis = boto3.client("kinesis", endpoint_url=endpoint_url, **KEYS)
    try:
        return send(kinesis, plan, start)
    finally:
        kinesis.close()


def _hour_number(at: datetime) -> int:
    return int((at - FIRST).total_seconds() // 3600)


def _hour_of_run(run_id: str) -> int:
    return _hour_number(datetime.fromisoformat(run_id.removeprefix("scheduled__")))


def _thirds(ended: Sequence[tuple[str, int, float]], plan: Plan, prefix: str) -> Iterator[list[float]]:
    """Lags of the tasks of each third of the hours."""
    for third in range(3):
        part = [
            at - plan.hour_end(hour)
            for task, hour, at in ended
            if task.startswith(prefix) and hour * 3 // plan.hours == third
        ]
        if part:
            yield part


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def processor_s(pid: int) -> float:
    """Processor seconds of a process, of all that it has started, and of those of them that have ended."""
    found, total = [pid], 0.0
    for each in found:  # grows by the children of each
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / _TICKS_A_S
            found += _children(each)
        except OSError:
            continue
    return total


def _children(pid: int) -> list[int]:
    return [
        int(each)
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for each in (thread / "children").read_text().split()
    ]


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


if __name__ == "__main__":
    sys.exit(main())
