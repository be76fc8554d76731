"""The pages about streams say what is so."""

import gzip
import re
import tomllib
from pathlib import Path

import pytest

from penstock.testing import load_dags, run_dag
from penstock_aws.services import KinesisBatchService

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "how-to" / "micro-batch-kinesis.md").read_text()
PROVIDER = (ROOT / "docs" / "providers" / "aws.md").read_text()


def block(text, language):
    return re.search(rf"^```{language}.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]


def test_the_pages_dag_runs(tmp_path, pipeline, s3, connection):
    s3.create_bucket("lake")
    pipeline.create()
    pipeline.put(range(3), at=pipeline.time)
    pipeline.put_raw(b"nothing")
    pipeline.time += 3660  # an event behind the hour lets it pass
    pipeline.put([3], at=pipeline.time)
    file = tmp_path / "clicks.py"
    file.write_text(block(PAGE, "python"))

    result = run_dag(load_dags(file)["clicks"], connections={"aws_default": connection})

    assert result.state == "success"
    found = result.value("store")
    assert (found["records"], found["events"], found["dead"], found["hours"]) == (5, 4, 1, 1)
    for key in s3.keys("s3://lake/clicks/event=click/dt=2026-03-01/hour=09/"):
        assert len(gzip.decompress(s3.get(f"s3://lake/{key}")).splitlines()) == 3


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
