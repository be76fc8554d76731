import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import psycopg
import pytest
import requests

from penstock_testkit.processes import wait_until
from penstock_testkit.saas.named_app import named_app


def _start(*arguments: str) -> tuple[subprocess.Popen[str], dict]:
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock_testkit", *arguments], stdout=subprocess.PIPE, text=True
    )
    return process, json.loads(process.stdout.readline())


def _end(process: subprocess.Popen[str], sig: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(sig)
    process.stdout.close()
    return process.wait(60)


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_s3_as_a_process_tells_where_it_is_and_stops_cleanly(sig: signal.Signals):
    process, told = _start("s3", "--bucket", "ready-made")
    client = boto3.client(
        "s3",
        endpoint_url=told["endpoint_url"],
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
    )
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["ready-made"]
    client.close()
    assert _end(process, sig) == 0


def test_s3_as_a_process_has_streams_whose_time_is_set_from_outside():
    process, told = _start("s3", "--stream", "clicks:2")
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    client = boto3.client("kinesis", endpoint_url=told["endpoint_url"], **keys)
    noon = {"now": 1_357_041_600.0}
    requests.put(f"{told['endpoint_url']}/testkit/clock", json=noon, timeout=60).raise_for_status()
    shard = client.put_record(StreamName="clicks", PartitionKey="k", Data=b"1")["ShardId"]
    place = client.get_shard_iterator(StreamName="clicks", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    (record,) = client.get_records(ShardIterator=place["ShardIterator"])["Records"]

    assert record["ApproximateArrivalTimestamp"].timestamp() == noon["now"]
    assert len(client.list_shards(StreamName="clicks")["Shards"]) == 2
    client.close()
    assert _end(process) == 0


def test_redshift_as_a_process_copies_from_the_s3_it_was_given(s3):
    process, told = _start("redshift", "--s3-endpoint", s3.endpoint_url, "--dbname", "warehouse")
    s3.create_bucket("load")
    s3.put("s3://load/1", "1\n2\n")
    with psycopg.connect(told["url"], client_encoding="utf8") as connection:
        connection.execute("CREATE TABLE t (n int)")
        connection.execute(f"COPY t FROM 's3://load/1' IAM_ROLE '{told['iam_role']}' CSV")
        assert connection.execute("SELECT sum(n), current_database() FROM t").fetchone() == (3, "warehouse")
    assert _end(process) == 0


def test_fakes_as_a_process_are_reached_by_their_names_and_tell_at_the_end_what_they_did_not_know(tmp_path: Path):
    (tmp_path / "tiny.py").write_text(
        "from penstock_testkit.saas import App\nclass Tiny(App):\n    name, hosts = 'tiny', ('tiny.example',)\n"
    )
    command = [sys.executable, "-m", "penstock_testkit", "saas", "tiny:Tiny"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        told = json.loads(process.stdout.readline())
        with requests.Session() as session:
            answer = session.get(
                "https://tiny.example/xyz",
                proxies={"https": told["env"]["HTTPS_PROXY"]},
                verify=told["env"]["SSL_CERT_FILE"],
                timeout=60,
            )
        process.terminate()
        assert process.stderr.read() == "tiny: the fake has no route GET tiny.example/xyz\n"
    assert (answer.status_code, told["hosts"], process.returncode) == (501, ["tiny.example"], 0)


def test_the_example_of_the_readme_is_found_by_all_three_connections_and_the_command_says_how_it_ended(tmp_path: Path):
    readme = Path(__file__).parents[1].joinpath("README.md").read_text()
    (tmp_path / "shop.py").write_text(re.search(r'```python title="shop.py"\n(.*?)```', readme, re.DOTALL)[1])
    shell = re.search(r"```sh\n(export .*?)```", readme, re.DOTALL)[1]
    (tmp_path / "penstock.toml").touch()
    (tmp_path / "try.sh").write_text(
        "for each in gcp slack salesforce; do penstock connections test ${each}_default || exit 1; done; exit 7\n"
    )
    assert shell.rstrip().endswith("-- bash")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    told = subprocess.run(
        ["bash", "-c", f"{shell.rstrip()} try.sh"], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    assert told.returncode == 7, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("penstock_testkit.slack:Slack", "has no 'Slack' that makes fakes; there is SlackWorkspace"),
        ("penstock_testkit.slack:SlackMessage", "has no 'SlackMessage' that makes fakes"),
        ("penstock_testkit.gcs:SecretManager", "takes (tokens: "),
        ("penstock_testkit.slak:Slack", "there is no module 'penstock_testkit.slak'"),
        ("penstock_testkit.processes:free_port", "it must give an App or a list of them"),
    ],
)
def test_what_makes_no_fake_is_told_with_what_there_is(name, told):
    with pytest.raises(RuntimeError, match=re.escape(told)):
        named_app(name)


def test_postgres_as_a_process_takes_its_data_away_with_it():
    process, told = _start("postgres")
    with psycopg.connect(told["url"]) as connection:
        (directory,) = connection.execute("SHOW data_directory").fetchone()
    assert Path(directory).exists()
    assert _end(process) == 0
    assert not Path(directory).exists()


def test_a_server_dies_with_the_process_that_started_it():
    script = (
        "import subprocess, sys, json\n"
        "server = subprocess.Popen([sys.executable, '-m', 'penstock_testkit', 'postgres'], stdout=subprocess.PIPE)\n"
        "server.stdout.readline()\n"
        "print(server.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as parent:
        server = int(parent.stdout.readline())
        postmasters = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        assert postmasters
        parent.kill()
    family = [server, *map(int, postmasters)]
    wait_until(lambda: not any(_alive(pid) for pid in family), otherwise=lambda: f"still alive: {family}")


def test_a_postmaster_dies_with_a_killed_owner():
    process, _ = _start("postgres")
    postmasters = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()
    wait_until(lambda: not any(_alive(pid) for pid in postmasters), otherwise=lambda: f"alive: {postmasters}")


def test_a_server_that_cannot_start_says_why(tmp_path: Path):
    command = [sys.executable, "-m", "penstock_testkit", "postgres"]
    environment = os.environ | {"PG_BINDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"the server did not start: {tmp_path} holds no initdb" in done.stderr
