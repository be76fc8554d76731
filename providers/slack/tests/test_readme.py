"""The package's page tells what is there."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import penstock_slack
from penstock.model.connection import parse_connection
from penstock.plugins.host import PluginHost
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_slack.connections import SlackFields
from penstock_slack.notifiers import SlackNotifier

README = (Path(__file__).parents[1] / "README.md").read_text()
PAGE = (Path(__file__).parents[3] / "docs" / "providers" / "slack.md").read_text()
MANIFEST = tomllib.loads((Path(penstock_slack.__file__).parent / "provider.toml").read_text())


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_its_dag_runs(connection, workspace):
    (snippet,) = blocks("python")
    names = {}
    workspace.channels["C000000003"], workspace.messages["C000000003"] = "reports", []
    exec(compile(snippet, "README.md", "exec"), names)

    result = run_dag(
        names["dag"], connections={"slack_default": connection}, logical_date=datetime(2026, 3, 1, tzinfo=UTC)
    )

    assert result.state == "success"
    assert [each.fields["text"][-9:] for each in workspace.shown("reports")] == ["is there.", ""]
    assert [each.content for each in workspace.files.values()] == [b"region,orders\neu,3\n"]


def test_the_dags_of_its_page_run(connection, workspace):
    hooks = {"slack_default": connection, "slack_hook": connection}
    workspace.channels["C000000003"], workspace.messages["C000000003"] = "reports", []
    snippets = re.findall(r"^```python.*?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for snippet in snippets:
        names = {}
        exec(compile(snippet, "slack.md", "exec"), names)
        run_dag(names["dag"], connections=hooks, logical_date=datetime(2026, 3, 1, tzinfo=UTC)).check()
    told = [each.fields["text"] for name in ("reports", "general") for each in workspace.shown(name)]
    assert told[-2:] == ["<@U0000000ANN> has a look", "Loaded 2026-03-01."]
    assert len(snippets) == 3


def test_its_connections_are_read():
    uris = re.findall(r"^PENSTOCK_CONN_\w+='(.+)'$", README, re.MULTILINE)

    fields = [read_fields(parse_connection("c", uri), SlackFields) for uri in uris]

    assert [each.token for each in fields] == ["xoxb-123-abc", ""]
    assert fields[1].webhook_url == "https://hooks.slack.com/services/T0/B0/abc"


def test_its_settings_make_a_channel():
    (of_readme,), (of_page,) = blocks("toml"), re.findall(r"^```toml.*?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for settings in (of_readme, of_page):
        options = tomllib.loads(settings)["notifiers"]["team"]
        made = PluginHost.discover().resolve(options.pop("type"), "notifiers")
        assert isinstance(made(**options), SlackNotifier)


def test_it_names_every_field_and_every_capability():
    fields = {field["name"] for connection in MANIFEST["connections"] for field in connection["fields"]}
    objects = {
        entry["object"].rpartition(":")[2] for kind in ("hooks", "operators", "notifiers") for entry in MANIFEST[kind]
    }
    ids = {entry["id"] for entry in MANIFEST["notifiers"]}

    assert [name for name in sorted(fields | objects | ids) if f"`{name}`" not in README] == []
