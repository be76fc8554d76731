import ast
import os
import re
from pathlib import Path

import msgspec
import pytest

from penstock import settings as module
from penstock.engine.limits.fairness import TenantRule
from penstock.errors import ConfigError
from penstock.settings import BackendChoice, ExecutorChoice, ServiceChoice, Settings, load_settings
from penstock.settings.sharing.queues import WorkerRule

ROOM = Path(module.__file__).parent
SECTIONS = {
    section.name: section.type
    for section in msgspec.structs.fields(Settings)
    if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct)
}
FIELDS = [f"{section}.{field}" for section, kind in SECTIONS.items() for field in kind.__struct_fields__]


def read_in(tree):
    """What code reads: names of attributes, and ``section.field`` for attributes of a section, wherever it was kept."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
            if isinstance(node.value, ast.Attribute | ast.Name):
                section = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
                found.add(f"{section.lstrip('_')}.{node.attr}")
    return found


@pytest.fixture(scope="module")
def read():
    """Every setting that some code reads, in its place or through a property of the settings that some code reads."""
    trees = [ast.parse(path.read_text()) for path in ROOM.parent.rglob("*.py") if path.parent != ROOM]
    outside = set().union(*map(read_in, trees))
    value = ast.parse((ROOM / "settings.py").read_text())
    own = {node.name: node for node in ast.walk(value) if isinstance(node, ast.FunctionDef)}
    properties = [name for name, value in vars(Settings).items() if isinstance(value, property) and name in outside]
    found = outside.union(*(read_in(own[name]) for name in properties))
    # What [executor] says holds for each local executor unless its own options differ, so it is handed on as a value.
    handed_on = SECTIONS["executor"].__struct_fields__
    return found | {f"executor.{key}" for key in handed_on if key in outside}


@pytest.mark.xdist_group("settings")  # what code reads is found once
@pytest.mark.parametrize("field", FIELDS)
def test_every_setting_has_an_effect(read, field):
    assert field in read, f"nothing reads [{field.replace('.', '] ')}"


@pytest.mark.xdist_group("settings")
def test_a_setting_that_nothing_reads_would_be_found(read):
    assert "waiters.processes" not in read
    assert "scheduler.lease_s" in read


@pytest.fixture
def project(tmp_path):
    def write(text="", **environ):
        (tmp_path / "penstock.toml").write_text(text)
        return load_settings(environ, tmp_path)

    return write


def test_defaults_stand_beside_the_file(project, tmp_path):
    settings = project()
    assert settings.file == tmp_path / "penstock.toml"
    assert settings.dags_folder == tmp_path / "dags"
    assert settings.state_folder == tmp_path / ".penstock"
    assert settings.logs_folder == tmp_path / ".penstock/logs"
    assert settings.database_url == f"sqlite:///{tmp_path}/.penstock/penstock.db"
    assert settings.executor.parallelism == len(os.sched_getaffinity(0))
    assert settings.executor.isolation == "fork"


def test_the_file_is_found_upwards(project, tmp_path):
    project('[core]\ndags_folder = "flows"')
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    assert load_settings({}, below).dags_folder == tmp_path / "flows"


def test_without_a_file_the_working_folder_is_the_root(tmp_path):
    settings = load_settings({}, tmp_path)
    assert (settings.file, settings.root) == (None, tmp_path)


def test_the_environment_goes_first_and_is_converted(project):
    settings = project(
        "[executor]\nparallelism = 3\nisolation = 'reuse'",
        PENSTOCK_EXECUTOR__PARALLELISM="7",
        PENSTOCK_SCHEDULER__LEASE_S="2.5",
        PENSTOCK_SECRET_KEY="new, old",
    )
    assert (settings.executor.parallelism, settings.executor.isolation, settings.scheduler.lease_s) == (7, "reuse", 2.5)
    assert settings.secret_keys == ("new", "old")


def test_connections_and_variables_of_the_environment_are_read_once(project):
    settings = project(PENSTOCK_CONN_MY__DB="redshift://u:p%40ss@host:5439/dev", PENSTOCK_VAR_FOO__BAR="1")
    assert settings.connections["my__db"].password == "p@ss"
    assert settings.variables == {"foo__bar": "1"}
    assert "p@ss" not in repr(settings)


def test_tables_of_others_are_left_alone(project):
    project("[providers.aws]\nanything = 1\n[plugin-manager]\nwanted = ['aws']")


@pytest.mark.parametrize(
    ("text", "environ", "sentence"),
    [
        ("[executor]\n\nparalelism = 2", {}, r"penstock.toml:3: unknown key 'paralelism'.*'parallelism'\?"),
        ("[core]\n[execuctor]\na = 1", {}, r"penstock.toml:2: unknown table or key 'execuctor'.*'executor'\?"),
        ("dags_folder = 'x'", {}, r"penstock.toml:1: unknown table or key 'dags_folder'"),
        ("core = 1", {}, r"penstock.toml:1: 'core' must be a table"),
        ("[executor]\nparallelism = 'two'", {}, r"penstock.toml:2: parallelism: it is a text, and must be a whole number\."),
        ("[executor]\nparallelism = -1", {}, r"penstock.toml:2: parallelism: it must be a whole number, at least 0\."),
        ("[executor]\nisolation = 'thread'", {}, r"penstock.toml:2: isolation: 'thread' is none of its values. Choose one of: fork"),
        ("[executor\n", {}, r"penstock.toml: not valid TOML: .*line 1"),
        ("", {"PENSTOCK_EXECUTOR__PARALELISM": "1"}, r"__PARALELISM.*'PENSTOCK_EXECUTOR__PARALLELISM'"),
        ("", {"PENSTOCK_EXECUTER__PARALELISM": "1"}, r"__PARALELISM.*'PENSTOCK_EXECUTOR__PARALLELISM'"),
        ("", {"PENSTOCK_EXECUTOR__BEAUTY": "1"}, r"__BEAUTY.* Known are: .*PENSTOCK_EXECUTOR__PARALLELISM"),
        ("", {"PENSTOCK_SERVER__ENABLED": "1"}, r"__ENABLED.* keys of core, .* such as \[services\.NAME\], are written in penstock\.toml"),
        ("", {"PENSTOCK_LOADER__MEMORY_MB": "much"}, r"PENSTOCK_LOADER__MEMORY_MB: memory_mb: it is a text, and must be a whole number\."),
        ("", {"PENSTOCK_CONN_X": "nonsense"}, r"PENSTOCK_CONN_X: .*neither a URI nor JSON"),
        ("[plugins]\nmodules = ['a-b', 'c', 'c']", {}, r"penstock.toml:2: modules: 'a-b' is no name.*\n.*'c' is listed twice"),
        ("[logs]\nstore = 'bucket/logs'", {}, r"penstock.toml:2: store: 'bucket/logs' is no URL of a log store. Write its scheme"),
        ("[metrics]\nlines = 5", {}, r"penstock.toml:2: unknown key 'lines' in \[metrics\]"),
        ("[metrics.lines]\ntype = 'ours'", {}, r"penstock.toml:1: metrics sink 'lines': type 'ours' is neither \"prometheus\" nor an id"),
        ("[metrics.lines]\ntype = 'prometheus'\nprot = 1", {}, r"metrics sink 'lines': there is no field 'prot'. Did you mean 'port'"),
        ("[metrics.lines]\ntype = 'prometheus'\nport = 0", {}, r"metrics sink 'lines': port: it must be a whole number, at least 1\."),
        ("[logs]\nchunk_bytes = 1", {}, r"penstock.toml:2: chunk_bytes: it must be a whole number, at least 4096"),
        ("", {"PENSTOCK_PLUGINS__MODULES": "ours, 7"}, r"PENSTOCK_PLUGINS__MODULES: modules: '7' is no name of a module"),
        ("[executors]\n\nBig = 'local'", {}, r"penstock.toml:3: executor 'Big': a name has lower-case letters"),
        ("[executors]\nbig = 3", {}, r"penstock.toml:2: executor 'big': write big = \"local\""),
        ("[executors]\nbig = 'k8s'", {}, r"penstock.toml:2: executor 'big': type 'k8s' is neither \"local\" nor an id"),
        ("[executors]\nlocal = 'k8s.pods'", {}, r"executor 'local' runs on this machine; give 'k8s.pods' another name"),
        ("[executors.big]\ntype = 'local'\nslots = 3", {}, r"penstock.toml:1: executor 'big': 'slots' is no option"),
        ("[executors.big]\ntype = 'local'\nparallelism = 'x'", {}, r"executor 'big': parallelism: it is a text, and must be a whole"),
        ("[queues]\na = {max_active_tasks = 0}", {}, r"toml:2: queue 'a': max_active_tasks: it must be a whole number, at least 1"),
        ("[queues]\na = 4", {}, r"toml:2: queue 'a': write a = .EXECUTOR., or a table"),
        ("[tenants]\na = 0", {}, r"toml:2: tenant 'a': weight: it must be a number, at least 0.001"),
        ("[tenants]\na = {shares = 2}", {}, r"toml:2: tenant 'a': there is no field 'shares'. Choose one of: weight, max_active_tasks"),
        ("[executors]\nbig = 3\n[queues]\na = 'big'\nb = 'bog'", {}, r"toml:5: queue 'b': there is no executor 'bog'.* big"),
        ("[secrets]\norder = ['vault']", {}, r"penstock.toml:2: order: there is no source 'vault'. Known are: environment, database"),
        ("[secrets]\norder = ['database', 'database']", {}, r"toml:2: order: 'database' is listed twice"),
        ("[secrets]\norder = ['database']\n[secrets.a]\ntype = 'x.y'", {}, r"toml:2: order: 'a' is not in it, so \[secrets.a\] is never"),
        ("[secrets.database]\ntype = 'x.y'", {}, r"secrets: 'database' is a source that is always there"),
        ("[secrets]\nordr = ['database']", {}, r"toml:2: unknown key 'ordr' in \[secrets\].* 'order'"),
        ("[secrets.a]\ntype = 'x.y'\ncache_s = -1", {}, r"toml:1: secrets backend 'a': cache_s: it must be a number"),
        ("[secrets]\na = 'vault'", {}, r"toml:2: secrets backend 'a': type 'vault' is no id of a capability such as"),
        ("[services]\nweb = 3", {}, r"toml:2: service 'web': write web = the id of an installed one, such as \"acme.thing\", or"),
        ("[services.web]\ntype = 'x.y'\nreport_s = 0", {}, r"toml:1: service 'web': report_s: it must be a number, "),
        ("[services.web]\ntype = 'x.y'\nreport_s = inf", {}, r"toml:1: service 'web': report_s: it must be a number, at most"),
        ("[services.web]\ntype = 'x.y'\nn = [{a = 99999999999999999999}]", {}, r"penstock.toml: a number of 67 bits; none may have more"),
        ("a = " + "9" * 5000, {}, r"penstock.toml: not valid TOML: .*4300"),
        ("[services.web]\ntype = 'x.y'\nn = " + "[" * 9999, {}, r"penstock.toml: its lists and tables are nested too deep"),
        ("executors = 1", {}, r"penstock.toml:1: 'executors' must be a table"),
        ("[notifiers]\nops = 'smtp'", {}, r"penstock.toml:2: notifier 'ops': the field 'to' is missing"),
        ("[notifiers.ops]\ntype = 'smtp'\nto = 'a@b.c'\ntoo = 1", {}, r"notifier 'ops': there is no field 'too'. Did you mean 'to'"),
        ("[notifiers]\nops = 'pager'", {}, r"notifier 'ops': type 'pager' is neither \"smtp\" nor an id such as"),
        ("[notifiers]\nmailto = 'a.b'", {}, r"notifier 'mailto': a name has lower-case letters.*and is not mailto"),
        ("[[alerts.rules]]\non = 'run_faild'\nto = 'ops'", {}, r"\[0\].on: 'run_faild' is none of its values. Did you mean 'run_failed'"),
        ("[[alerts.rules]]\non = 'run_failed'\nto = 'ops'", {}, r"rule 1: there is no channel 'ops' in \[notifiers\]"),
        ("[[alerts.rules]]\non = 'missed_deadline'\nto = 'mailto:a@b.c'", {}, r"rule 1: missed_deadline needs after_s"),
        ("[[alerts.rules]]\non = []\nto = 'mailto:ann'", {}, r"rule 1: `on` names no event"),
        ("", {"PENSTOCK_CONFIG": "gone.toml"}, r"PENSTOCK_CONFIG names .*gone.toml, which is no file"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_the_nearest_name(project, text, environ, sentence):
    with pytest.raises(ConfigError, match=sentence):
        project(text, **environ)


WRONG = ["'x'", "-1", "0", "1e9", "1e99", "true", "[1]", "[[]]", "{a = 1}", "1979-05-27", "''", "['a', 1]"]
FREE = ("executors", "services", "notifiers", "secrets", "metrics")
"""Sections whose entries have names of the user's own."""
OF_A_DECODER = re.compile(r"[$]|expected|object|array|\b(int|str|bool|dict|float|struct)\b|[Ii]nvalid")


def written(section, keys, value, first=""):
    return f"[{section}]\n{first}" + "".join(f"{key} = {value}\n" for key in keys)


def wrong_sections(value):
    """Each key of each section, and entries with names of the user's own, with a value that most of them may not have."""
    yield "".join(written(section, kind.__struct_fields__, value) for section, kind in SECTIONS.items())
    yield "".join(written(section, ["own"], value) for section in (*FREE, "queues", "tenants"))
    keys = ("parallelism", "isolation", "to", "conn_id", "host", "port", "cache_s", "report_s", "enabled")
    for what in ("local", "smtp", "prometheus", "x.y"):
        yield "".join(written(f"{section}.own", keys, value, f"type = '{what}'\n") for section in FREE)
    yield "".join(written(f"{each}.own", ["max_active_tasks", "weight"], value) for each in ("queues", "tenants"))
    yield written("[alerts.rules]", ["on", "to", "dags", "after_s"], value)


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_section_is_answered_in_sentences_and_in_no_words_of_a_decoder(project, value):
    lines = []
    for text in wrong_sections(value):
        try:
            project(text)
        except ConfigError as error:
            lines += str(error).splitlines()
    assert len(lines) > 20
    for line in lines:
        assert line[-1] in ".?", line
        assert not OF_A_DECODER.search(line.partition("penstock.toml")[2]), line


def test_sources_of_connections_are_asked_in_the_order_that_is_written(project):
    text = "[secrets.b]\ntype = 'x.y'\ncache_s = 5\nurl = 'u'\n[secrets.a]\ntype = 'x.z'\n"
    found = project(text)
    assert found.secrets_order == ("environment", "b", "a", "database")
    assert found.secrets_backends["b"] == BackendChoice("x.y", {"url": "u"}, cache_s=5.0)
    assert project(f"[secrets]\norder = ['a', 'b']\n{text}").secrets_order == ("a", "b")
    assert project("").secrets_order == ("environment", "database")


def test_services_are_those_that_are_named(project):
    found = project("[services]\nweb = 'x.web'\n[services.gate]\ntype = 'x.gate'\nport = 80\nstop_s = 1\n")
    assert found.services == {"web": ServiceChoice("x.web"), "gate": ServiceChoice("x.gate", {"port": 80}, stop_s=1.0)}


def test_all_problems_are_told_together(project):
    with pytest.raises(ConfigError) as caught:
        project("[executor]\nisolation = 'x'\nfoo = 1\n", PENSTOCK_LOADER__TIMEOUT_S="0")
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_is_no_text_is_refused(tmp_path):
    Path(tmp_path / "penstock.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("text", "environ", "disabled"),
    [
        ("", {}, ()),
        ('[plugin-manager]\ndisabled = ["b"]', {"PENSTOCK_DISABLED_PROVIDERS": "a, b"}, ("a", "b")),
        ('[plugin-manager]\ndisabled = ["b"]', {"PENSTOCK_SAFE_MODE": "1"}, ("*",)),
        ("", {"PENSTOCK_SAFE_MODE": "0"}, ()),
        ("[plugin-manager]\ndisabled = [7]", {}, ()),
    ],
    ids=["none", "file and environment", "safe mode", "safe mode off", "no ids"],
)
def test_disabled_providers_come_from_the_managers_table_and_the_environment(tmp_path, text, environ, disabled):
    (tmp_path / "penstock.toml").write_text(text)
    assert load_settings(environ, tmp_path).disabled_providers == disabled


def test_without_executors_there_is_the_local_one_alone(project):
    settings = project()
    assert (settings.executors, settings.queues) == ({"local": ExecutorChoice()}, {})


def test_executors_are_named_by_type_with_options_and_queues_by_executor(project):
    settings = project(
        '[executors]\nbatch = "aws.batch"\n[executors.heavy]\ntype = "local"\nparallelism = 2\n'
        '[queues]\ngpu = "batch"\nslow = "heavy"\n'
    )
    assert settings.executors == {
        "local": ExecutorChoice(),
        "batch": ExecutorChoice("aws.batch"),
        "heavy": ExecutorChoice("local", {"parallelism": 2}),
    }
    assert settings.queues == {"gpu": "batch", "slow": "heavy"}


def test_queues_and_tenants_have_limits_and_weights(project):
    settings = project(
        '[executors]\nbatch = "aws.batch"\n[queues]\ngpu = { executor = "batch", max_active_tasks = 3 }\n'
        "few = { max_active_tasks = 2 }\n[tenants]\nours = 3\n[tenants.theirs]\nmax_active_tasks = 9\n"
    )
    assert settings.queues == {"gpu": "batch", "few": "local"}
    assert settings.queue_limits == {"gpu": 3, "few": 2}
    assert settings.tenants == {"ours": TenantRule(3.0), "theirs": TenantRule(1.0, 9)}


def test_a_queue_says_how_many_workers_it_may_want(project):
    settings = project(
        '[executors]\nbatch = "aws.batch"\n[queues]\nplain = "batch"\n'
        '[queues.gpu]\nexecutor = "batch"\ntries_per_worker = 4\nmin_workers = 1\nmax_workers = 9\ncooldown_s = 60\n'
    )
    assert settings.queue_workers == {"plain": WorkerRule(), "gpu": WorkerRule(4, 1, 9, 60.0)}
    with pytest.raises(ConfigError, match="queue 'gpu': min_workers is 3 and max_workers only 2"):
        project("[queues.gpu]\nmin_workers = 3\nmax_workers = 2\n")


def test_plugin_modules_come_from_the_file_or_the_environment(project):
    assert project('[plugins]\nmodules = ["ours"]').plugins.modules == ("ours",)
    assert project(PENSTOCK_PLUGINS__MODULES="ours, theirs.hooks").plugins.modules == ("ours", "theirs.hooks")
