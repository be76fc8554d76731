"""Which setting uses a capability of a provider."""

import pytest

from penstock.service.choices.uses import uses_of
from penstock.settings import load_settings
from penstock_manifest.format import Capability

SETTINGS = """
[executors]
far = "acme.far"
farther = "acme.far"

[secrets.team]
type = "acme.vault"

[services]
web = "acme.web"

[notifiers]
chat = "acme.chat"

[metrics]
graphs = "acme.graphs"

[xcom]
store = "acme://values"

[logs]
store = "acme://logs"
"""


@pytest.mark.parametrize(
    ("kind", "name", "scheme", "uses"),
    [
        ("executors", "far", "", ["[executors] far", "[executors] farther"]),
        ("secrets_backends", "vault", "", ["[secrets] team"]),
        ("services", "web", "", ["[services] web"]),
        ("notifiers", "chat", "", ["[notifiers] chat"]),
        ("metrics_sinks", "graphs", "", ["[metrics] graphs"]),
        ("object_stores", "store", "acme", ["[xcom] store", "[logs] store"]),
        ("object_stores", "other", "other", []),
        ("operators", "copy", "", []),
    ],
)
def test_a_setting_that_uses_a_capability_is_named(tmp_path, kind, name, scheme, uses):
    (tmp_path / "penstock.toml").write_text(SETTINGS)
    capability = Capability(kind, f"acme.{name}", "a:b", "A thing.", scheme=scheme)
    assert uses_of(load_settings({}, tmp_path), capability) == uses
