"""The pages about streams say what is so."""

import gzip
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.testing import load_dags, run_dag
from penstock_aws.services import KinesisBatchService

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "how-to" / "micro-batch-kinesis.md").read_text()
PROVIDER = (ROOT / "docs" / "providers" / "aws.md").read_text()


def dag(text, name, folder):
    """The DAG of a page's file."""
    file = folder / f"{name}.py"
    file.write_text(re.search(rf'^```python title="dags/{name}.py"\n(.*?)^```', text, re.MULTILINE | re.DOTALL)[1])
    return load_dags(file)[name]


def test_the_pages_dags_run(tmp_path, pipeline, s3, connection):
    s3.create_bucket("lake")
    pipeline.create()
    pipeline.put(range(3), at=pipeline.time)
    pipeline.put_raw(b"nothing")
    pipeline.time += 3660  # an event behind the hour lets it pass
    pipeline.put([3], at=pipeline.time)

    result = run_dag(dag(PAGE, "clicks", tmp_path), connections={"aws_default": connection})

    assert result.state == "success"
    found = result.value("store")
    assert (found["records"], found["events"], found["dead"], found["hours"]) == (5, 4, 1, 1)
    for key in s3.keys("s3://lake/clicks/event=click/dt=2026-03-01/hour=09/"):
        assert len(gzip.decompress(s3.get(f"s3://lake/{key}")).splitlines()) == 3
    hourly = dag(PAGE, "hourly", tmp_path)
    assert run_dag(hourly, connections={"aws_default": connection}).state == "success"
    next_hour = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert run_dag(hourly, logical_date=next_hour, connections={"aws_default": connection}).state == "failed"


@pytest.mark.parametrize("text", [PAGE, PROVIDER], ids=["how to", "provider"])
def test_their_settings_make_a_service(text):
    settings = next(
        each
        for each in re.findall(r"^```toml[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        if "[services.clicks" in each
    )
    options = tomllib.loads(settings)["services"]["clicks"]
    assert options.pop("type") == "aws.kinesis_batcher"

    assert KinesisBatchService(**options).settings.stream == "clicks"
