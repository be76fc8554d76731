"""Each spec is answered from manifests or heard by plugin modules, one test a spec."""

import inspect
import logging
from datetime import UTC, datetime

import pytest

from penstock.plugins.host import PluginHost
from penstock.plugins.registry import Listeners, manifest_manager
from penstock.spec.plugin import REACTING, PenstockSpecs, RunStateChanged, TaskStateChanged

TASK = TaskStateChanged("d", "r", "t", -1, 1, "queued", "running", "", datetime(2026, 1, 1, tzinfo=UTC))
RUN = RunStateChanged("d", "r", "manual", "running", "success", "", datetime(2026, 1, 1, tzinfo=UTC))

OWN_KEY = {"hooks": 'connection_type = "x"', "object_stores": 'scheme = "x"'}


def answers(site, spec, kind):
    """What the spec answers when two providers offer one capability of the kind each, and a third is broken."""
    for name in ("zeta", "acme"):
        site.provider(
            name, f'[[{kind}]]\nid = "{name}.it"\nobject = "penstock_{name}:it"\ndoc = "It."\n{OWN_KEY.get(kind, "")}'
        )
    site.provider("broken", whole="= =")
    manager = manifest_manager(PluginHost.discover([str(site.folder)]).providers())
    return [each.id for part in getattr(manager.hook, spec)() for each in part]


def test_penstock_hooks(site):
    assert answers(site, "penstock_hooks", "hooks") == ["acme.it", "zeta.it"]


def test_penstock_operators(site):
    assert answers(site, "penstock_operators", "operators") == ["acme.it", "zeta.it"]


def test_penstock_sensors(site):
    assert answers(site, "penstock_sensors", "sensors") == ["acme.it", "zeta.it"]


def test_penstock_executors(site):
    assert answers(site, "penstock_executors", "executors") == ["acme.it", "zeta.it"]


def test_penstock_object_stores(site):
    assert answers(site, "penstock_object_stores", "object_stores") == ["acme.it", "zeta.it"]


def test_penstock_secrets_backends(site):
    assert answers(site, "penstock_secrets_backends", "secrets_backends") == ["acme.it", "zeta.it"]


def test_penstock_log_stores(site):
    assert answers(site, "penstock_log_stores", "log_stores") == ["acme.it", "zeta.it"]


def test_penstock_notifiers(site):
    assert answers(site, "penstock_notifiers", "notifiers") == ["acme.it", "zeta.it"]


def test_penstock_metrics_sinks(site):
    assert answers(site, "penstock_metrics_sinks", "metrics_sinks") == ["acme.it", "zeta.it"]


def test_penstock_timetables(site):
    assert answers(site, "penstock_timetables", "timetables") == ["acme.it", "zeta.it"]


def test_penstock_connection_types(site):
    site.provider("acme", '[[connections]]\ntype = "box"\ndoc = "It."\nfields = [{ name = "token", secret = true }]')
    manager = manifest_manager(PluginHost.discover([str(site.folder)]).providers())

    ((connection,),) = manager.hook.penstock_connection_types()

    assert (connection.type, connection.fields[0].name, connection.fields[0].secret) == ("box", "token", True)


def test_penstock_commands(site):
    site.provider("acme", '[[commands]]\nname = "ping"\nobject = "penstock_acme:ping"\ndoc = "It."')
    manager = manifest_manager(PluginHost.discover([str(site.folder)]).providers())

    assert [each.name for part in manager.hook.penstock_commands() for each in part] == ["ping"]


HEARS = """
from penstock.spec.plugin import hookimpl
heard = []
@hookimpl
def {spec}({arguments}): {body}
"""


def listeners_of(
    site, *, spec="penstock_task_state_changed", arguments="change", body="heard.append(change)", more=True
):
    """Listeners of a site in which `acme` does as told and `zeta` hears everything."""
    site.provider(
        "acme", 'plugin = "penstock_acme.plugin"', plugin=HEARS.format(spec=spec, arguments=arguments, body=body)
    )
    if more:
        zeta = HEARS.format(spec=spec, arguments="change", body="heard.append(change)")
        site.provider("zeta", 'plugin = "penstock_zeta.plugin"', plugin=zeta)
    return Listeners(PluginHost.discover([str(site.folder)]).providers())


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
        pytest.param({"spec": "penstock_task_exploded"}, "unknown hook 'penstock_task_exploded'", id="no such spec"),
        pytest.param({"arguments": "chang"}, "chang", id="no such argument"),
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


def test_every_spec_is_documented_and_proven_by_a_test_named_after_it():
    specs = [name for name in vars(PenstockSpecs) if name.startswith("penstock_")]
    tested = set(globals())

    assert all(inspect.getdoc(getattr(PenstockSpecs, name)) for name in specs)
    assert not [name for name in specs if f"test_{name}" not in tested and name not in REACTING]
