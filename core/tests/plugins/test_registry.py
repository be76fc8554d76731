"""Each spec is answered from manifests, or modules react to it."""

import inspect
import logging
import sys
from datetime import UTC, datetime

import pytest

from penstock.plugins.host import PluginHost
from penstock.plugins.registry import PluginModules
from penstock.spec.plugin import PenstockSpecs, RunStateChanged, TaskStateChanged
from penstock_manifest.environments import SearchPath
from penstock_manifest.kinds import ARRAYS, KINDS
from penstock_manifest.specs import REACTING

TASK = TaskStateChanged("d", "r", "t", -1, 1, "queued", "running", "", datetime(2026, 1, 1, tzinfo=UTC))
RUN = RunStateChanged("d", "r", "manual", "running", "success", "", datetime(2026, 1, 1, tzinfo=UTC))

OWN_KEY = {"hooks": 'connection_type = "x"', "object_stores": 'scheme = "{}"', "log_stores": 'scheme = "{}"'}


def host_of(site):
    return PluginHost.discover(SearchPath((str(site.folder),)))


@pytest.mark.parametrize("kind", KINDS)
def test_manifests_answer_the_spec_of_each_kind_in_the_order_of_their_ids(site, kind):
    for name in ("zeta", "acme"):
        own = OWN_KEY.get(kind, "").format(name)
        site.provider(name, f'[[{kind}]]\nid = "{name}.it"\nobject = "penstock_{name}:it"\ndoc = "It."\n{own}')
    site.provider("broken", whole="= =")

    assert [each.id for each in host_of(site).capabilities(kind)] == ["acme.it", "zeta.it"]
    assert not [each for each in sys.modules if each.startswith(("penstock_acme", "penstock_zeta"))]


def test_manifests_answer_with_connection_types(site):
    site.provider("acme", '[[connections]]\ntype = "box"\ndoc = "It."\nfields = [{ name = "token", secret = true }]')

    connection = host_of(site).connection_type("box")

    assert (connection.type, connection.fields[0].name, connection.fields[0].secret) == ("box", "token", True)


def test_a_manifest_that_cannot_hold_what_is_looked_for_is_not_parsed(site, monkeypatch):
    site.provider("acme", '[[object_stores]]\nid = "acme.s"\nobject = "penstock_acme:it"\ndoc = "It."\nscheme = "box"')
    site.provider(
        "bolt",
        r'''[[object_stores]]
id = "bolt.s"
object = "penstock_bolt:it"
doc = "It."
scheme = "\u0062ag"''',
    )
    site.provider("zeta", whole="= =")
    host = host_of(site)

    assert [each.id for each in host.capabilities("object_stores", mention="bag")] == ["bolt.s"]
    assert list(host._providers) == ["bolt"]


HEARS = """
from penstock.spec.plugin import hookimpl
heard = []
@hookimpl
def {spec}({arguments}): {body}
"""


def listeners_of(
    site, *, spec="penstock_task_state_changed", arguments="change", body="heard.append(change)", more=True
):
    """Plugin modules of a site in which `acme` does as told and `zeta` hears everything."""
    site.provider(
        "acme", 'plugin = "penstock_acme.plugin"', plugin=HEARS.format(spec=spec, arguments=arguments, body=body)
    )
    if more:
        zeta = HEARS.format(spec=spec, arguments="change", body="heard.append(change)")
        site.provider("zeta", 'plugin = "penstock_zeta.plugin"', plugin=zeta)
    found = host_of(site).providers()
    return PluginModules({each.id: each.manifest.plugin for each in found})


def heard(name):
    return __import__(f"penstock_{name}.plugin").plugin.heard


@pytest.mark.parametrize("spec", REACTING)
def test_penstock_state_changed_reaches_every_listener_of_its_spec_and_no_other(site, spec):
    listeners = listeners_of(site, spec=spec)

    listeners.emit("penstock_task_state_changed", change=TASK)
    listeners.emit("penstock_run_state_changed", change=RUN)

    expected = [TASK] if "task" in spec else [RUN]
    assert (heard("acme"), heard("zeta"), listeners.problems) == (expected, expected, {})


def test_a_listener_that_raises_is_counted_and_keeps_nobody_from_hearing(site, caplog):
    listeners = listeners_of(site, body="1/0")

    with caplog.at_level(logging.ERROR):
        listeners.emit("penstock_task_state_changed", change=TASK)

    assert heard("zeta") == [TASK]
    assert listeners.failures == {"acme": 1}
    assert "the provider 'acme' failed in penstock_task_state_changed" in caplog.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            {"spec": "penstock_task_exploded"},
            "implements 'penstock_task_exploded', which is no spec. Did you mean 'penstock_task_state_changed'?",
            id="no such spec",
        ),
        pytest.param({"arguments": "chang"}, "with the argument 'chang'; the spec has change", id="no such argument"),
        pytest.param(
            {"spec": "penstock_operators", "arguments": ""}, "which manifests answer", id="answered by manifests"
        ),
        pytest.param(
            {"arguments": "change):\n    pass\n1/0\ndef other("}, "raised ZeroDivisionError", id="raises on import"
        ),
    ],
)
def test_a_module_that_cannot_listen_is_reported_and_the_others_are_loaded(site, change, says, caplog):
    listeners = listeners_of(site, **change, more=False)

    assert says in listeners.problems["acme"]
    listeners.emit("penstock_task_state_changed", change=TASK)


def test_every_spec_is_documented_and_each_is_that_of_a_kind_or_reacts():
    specs = {name for name in vars(PenstockSpecs) if name.startswith("penstock_")}

    assert all(inspect.getdoc(getattr(PenstockSpecs, name)) for name in specs)
    assert specs == {kind.spec for kind in ARRAYS.values()} | set(REACTING)
