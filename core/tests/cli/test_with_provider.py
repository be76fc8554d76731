"""Commands that go by a provider's manifest: one that exists only here."""

import re
from pathlib import Path
from unittest.mock import ANY

import msgspec
import pytest

from penstock.app.parts.vault import answer, open_vault
from penstock.cli import root
from penstock.settings import load_settings
from penstock.spec.wire import Ask
from penstock.store import Keyring, Store
from penstock_testkit.installations import Site

MANIFEST = """
schema = 1
id = "acme"
name = "Acme"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_acme"]

[[connections]]
type = "acme"
doc = "An account."
schemes = ["acme"]
fields = [{ name = "pin", type = "str", secret = true, doc = "Its PIN." }]

[[operators]]
id = "acme.copy"
object = "penstock_acme.operators:Copy"
doc = "Copy something."
parameters = [
  { name = "source", type = "str", required = true, doc = "From where." },
  { name = "target", type = "str", doc = "Whereto." },
  { name = "parts", type = "int", default = "1", doc = "In how many parts." },
]
"""

OPERATORS = """
from penstock import Operator

class Copy(Operator):
    template_fields = ("source", "target")

    def __init__(self, *, source, target="", parts=1, **kwargs):
        super().__init__(**kwargs)
        self.source, self.target, self.parts = source, target, parts

    def execute(self, context):
        print(f"{self.source} to {self.target} in {self.parts}")
"""
MAPPING = Path(__file__).parents[3] / "docs" / "how-to" / "mapping.md"


@pytest.fixture
def penstock(tmp_path, monkeypatch, capfd):
    """Runs a command in a folder of its own, with the provider installed; returns exit code, stdout and stderr."""
    site = Site(tmp_path / "site")
    site.provider("acme", manifest=MANIFEST, modules={"operators": OPERATORS})
    monkeypatch.syspath_prepend(str(site.folder))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **environ):
        code = root.run(arguments, environ)
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ('operator("acme.copi", task_id="a", source="x")', "acme.copy"),
        ('operator("emca.copy", task_id="a", source="x")', "plugin-manager install emca"),
        ('operator("acme.copy", task_id="a", sauce="x")', "did you mean 'source'?"),
        ('operator("acme.copy", task_id="a", source="x", parts="two")', "parts must be int, not 'two' (str)"),
        ('operator("acme.copy", task_id="a", source=7)', "source must be str, not 7 (int)"),
        (
            'operator.partial("acme.copy", task_id="a", parts=2).expand(source=["x", 7])',
            "expand(source=...): element 1: acme.copy: source must be str, not 7 (int)",
        ),
    ],
    ids=[
        "unknown capability",
        "unknown provider",
        "unknown argument",
        "wrong type",
        "wrong type of a required one",
        "wrong type of a mapped one",
    ],
)
def test_a_capability_is_judged_before_anything_runs(penstock, call, said):
    Path("file.py").write_text(f"from penstock import *\nwith DAG('d', schedule=None):\n    {call}\n")
    code, out, err = penstock("dags", "test", "file.py")
    assert code == 1
    assert "file.py:3" in err
    assert said in err, err
    assert not out


def test_the_mapped_capability_of_the_how_to_runs(penstock):
    Path("file.py").write_text(re.findall(r"```python\n(.*?)```", MAPPING.read_text(), re.DOTALL)[-1])
    code, out, err = penstock("dags", "test", "file.py")
    assert code == 0, err
    copied = [f"{source} to {target} in 2" for source in ("a.csv", "b.csv") for target in ("archive", "warehouse")]
    assert [line for line in out.splitlines() if " to " in line] == copied


def test_what_a_provider_marks_as_secret_is_shown_by_no_command(penstock):
    penstock("init", "--no-example")
    assert penstock("connections", "set", "c", "acme://h", "--extra", 'pin="xyzzy"', "--extra", "region=eu")[0] == 0
    for command in (["show", "c"], ["show", "c", "--json"], ["list", "--json"], ["list"]):
        code, out, _ = penstock("connections", *command)
        assert (code, "xyzzy" in out) == (0, False), out
    assert "pin = ***" in penstock("connections", "show", "c")[1]
    assert "region = eu" in penstock("connections", "show", "c")[1]


def test_a_try_that_asks_for_a_connection_is_told_what_its_provider_marks_as_secret(penstock):
    penstock("init", "--no-example")
    penstock("connections", "set", "c", "acme://u:pw@h", "--extra", "pin=xyzzy", "--extra", "region=eu")
    settings = load_settings({}, Path.cwd())
    with Store.open(settings.database_url, Keyring.of_file(settings.key_file)) as store:
        reply = answer(open_vault(settings, store), "a test")(Ask("connection", ("c",)))
    assert sorted(reply.secrets) == ["pw", "xyzzy"]
    assert reply.value["extra"] == {"pin": "xyzzy", "region": "eu"}


def test_what_a_provider_costs_is_measured_by_importing_all_that_it_offers(penstock, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    code, out, _ = penstock("providers", "cost", "acme")
    assert (code, *re.findall(r"import +\d+ ms|penstock-providers-acme +1\.2", out)) == (
        0,
        ANY,
        "penstock-providers-acme  1.2",
    )
    (tmp_path / "site" / "penstock_acme" / "operators.py").write_text("raise ValueError('broken by half')\n")
    code, out, _ = penstock("providers", "cost", "acme", "--json")
    assert (code, msgspec.json.decode(out)["problem"]) == (1, "ValueError: broken by half")
    code, _, err = penstock("providers", "cost", "nope")
    assert (code, "plugin-manager install nope" in err) == (3, True)
