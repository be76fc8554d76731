"""The host answers about providers, each behind its fence, and imports an object on first use."""

import sys
import zipfile

import pytest

from penstock.errors import MissingProviderError, NotFoundError, PluginError, ProviderError
from penstock.model.connection import Connection
from penstock.plugins.host import PluginHost
from penstock_manifest.discovery import find_providers
from penstock_manifest.environments import SearchPath
from penstock_testkit.wheels import write_provider

STORE = """
class Store:
    def __init__(self, conn_id=None): self.conn_id = conn_id
    def stat(self, url): ...
    def list(self, prefix): ...
    def read(self, url): ...
    def open(self, url): ...
    def write(self, url, data, *, if_absent=False): ...
    def upload(self, url, stream, *, origin=""): ...
    def origin(self, url): ...
    def delete(self, url): ...
"""


def entry(kind, name, attribute, more=""):
    """One table of a manifest."""
    provider = name.partition(".")[0]
    return f'[[{kind}]]\nid = "{name}"\nobject = "penstock_{provider}:{attribute}"\ndoc = "It."\n{more}\n'


def host_of(site):
    return PluginHost.discover(SearchPath((str(site.folder),)))


def test_a_broken_provider_harms_no_other(site):
    site.provider("good")
    site.provider("no_toml", whole="= =")
    site.provider("too_new", whole='schema = 9\nid = "too_new"\nname = "x"\ndoc = "x"\nspec = ">=7"\nimports = []')
    site.provider("no_file").parent.joinpath("penstock_no_file/provider.toml").unlink()

    providers = {each.id: each for each in host_of(site).providers()}

    assert [each for each in providers if providers[each].active] == ["good"]
    assert "it is no TOML" in providers["no_toml"].problems[0]
    assert len(providers["too_new"].problems) == 2
    assert "left out of the wheel" in providers["no_file"].problems[0]


def test_of_two_distributions_with_one_id_neither_is_active_and_both_are_named(site):
    site.provider("acme", entry("operators", "acme.send", "Send"))
    site.provider("acme", distribution="their-acme")
    host = host_of(site)

    assert not host.provider("acme").active
    assert "penstock-providers-acme 1.2 and their-acme 1.2" in host.provider("acme").problems[0]
    with pytest.raises(PluginError, match=r"none is active"):
        host.resolve("acme.send")


def test_an_object_is_imported_on_first_use_only(site):
    site.provider(
        "acme",
        entry("operators", "acme.noon", "noon"),
        code="from penstock import Operator\nclass noon(Operator): hour = 12",
    )
    host = host_of(site)

    assert host.capability("acme.noon").object == "penstock_acme:noon"
    assert "penstock_acme" not in sys.modules
    assert host.resolve("acme.noon", "operators").hour == 12


@pytest.mark.parametrize(
    ("code", "says"),
    [
        pytest.param("1/0", "raised ZeroDivisionError", id="raises"),
        pytest.param("raise SystemExit(3)", "raised SystemExit", id="exits"),
        pytest.param(
            "import no_such_sdk", "'no_such_sdk' is not installed. .*plugin-manager install acme", id="no sdk"
        ),
        pytest.param("", "raised AttributeError", id="no attribute"),
        pytest.param("Send = int", "is no subclass of penstock.Operator", id="wrong class"),
        pytest.param("Send = 7", "is no subclass of penstock.Operator", id="no class"),
    ],
)
def test_what_a_provider_does_on_import_becomes_one_clear_error(site, code, says):
    site.provider("acme", entry("operators", "acme.send", "Send"), code=code)

    with pytest.raises(PluginError, match=says):
        host_of(site).resolve("acme.send")


def test_a_missing_extra_names_the_install_line(site):
    extra = '[extras]\niam = "IAM."\n' + entry("operators", "acme.noon", "noon", 'extra = "iam"')
    site.provider("acme", extra, code="import no_such_sdk")

    with pytest.raises(PluginError, match=r"plugin-manager install acme\[iam\]"):
        host_of(site).resolve("acme.noon")


def test_an_unknown_provider_names_its_install_line_and_the_nearest_ids(site):
    site.provider("acme", entry("operators", "acme.noon", "noon"))

    with pytest.raises(
        MissingProviderError,
        match=r"Nearest of those installed: acme.noon. Install it with: plugin-manager install acne",
    ):
        host_of(site).resolve("acne.noon")


def test_an_unknown_capability_of_a_known_provider_offers_the_nearest(site):
    site.provider("acme", entry("operators", "acme.noon", "noon"))

    with pytest.raises(NotFoundError, match=r"Did you mean 'acme.noon'"):
        host_of(site).resolve("acme.noom")


def test_a_capability_of_another_kind_is_refused(site):
    site.provider("acme", entry("operators", "acme.noon", "noon"))

    with pytest.raises(NotFoundError, match=r"no sensor is named 'acme.noon'. It is one of operators"):
        host_of(site).resolve("acme.noon", "sensors")


def test_a_store_is_opened_by_the_scheme_of_a_url(site):
    site.provider("acme", entry("object_stores", "acme.store", "Store", 'scheme = "box"'), code=STORE)

    assert host_of(site).object_store("box://a/b", "mine").conn_id == "mine"


def test_a_store_that_lacks_methods_is_refused(site):
    code = STORE.replace("def upload", "def unload")
    site.provider("acme", entry("object_stores", "acme.store", "Store", 'scheme = "box"'), code=code)

    with pytest.raises(PluginError, match=r"lacks the methods upload of penstock.spec.object_store.ObjectStore"):
        host_of(site).object_store("box://a/b")


def test_an_unknown_scheme_says_how_to_find_a_provider_and_who_is_broken(site):
    site.provider("acme", whole="= =")

    with pytest.raises(MissingProviderError, match=r"plugin-manager search 'box'. Broken here, and so not asked: acme"):
        host_of(site).object_store("box://a/b")


def test_two_providers_of_one_scheme_are_both_named(site):
    for name in ("acme", "bolt"):
        site.provider(name, entry("object_stores", f"{name}.store", "Store", 'scheme = "box"'), code=STORE)

    with pytest.raises(PluginError, match=r"served by acme.store and bolt.store"):
        host_of(site).object_store("box://a/b")


def test_files_are_served_without_any_provider(site, tmp_path):
    store = host_of(site).object_store("file:///x")

    assert store.write(f"file://{tmp_path}/a", b"1")
    assert store.read(f"file://{tmp_path}/a") == b"1"


def test_secrets_are_those_the_provider_marks_and_those_the_core_knows_by_their_names(site):
    fields = 'fields = [{ name = "pin", secret = true }, { name = "a" }]'
    site.provider("acme", f'[[connections]]\ntype = "box"\ndoc = "It."\n{fields}')
    extra = {"pin": "1234", "a": "open", "api_key": "k"}
    connection = Connection("c", "box", password="hunter2", extra=extra)

    assert set(host_of(site).secrets(connection)) == {"hunter2", "1234", "k"}
    assert host_of(site).connection_type("box").fields[0].name == "pin"
    assert host_of(site).connection_type("none") is None


@pytest.mark.parametrize(
    ("disabled", "remedy"),
    [
        pytest.param(["good"], "plugin-manager enable good", id="by id"),
        pytest.param(["*"], "by PENSTOCK_SAFE_MODE. Unset that", id="all, in safe mode"),
    ],
)
def test_a_disabled_provider_is_listed_and_not_used(site, disabled, remedy):
    site.provider("good", entry("operators", "good.x", "X"), code="raise RuntimeError('imported')")
    host = PluginHost.discover(SearchPath((str(site.folder),)), disabled)
    [provider] = host.providers()
    assert not provider.active
    with pytest.raises(PluginError, match=remedy):
        host.resolve("good.x")


def test_an_isolated_provider_is_not_to_be_installed_beside_the_others(tmp_path):
    with zipfile.ZipFile(write_provider(tmp_path / "wheels", "apart")) as wheel:
        wheel.extractall(tmp_path / "site")
    host = PluginHost(find_providers(SearchPath((str(tmp_path / "site"),))))
    with pytest.raises(PluginError, match="It is isolated: its tasks run in its own environment") as caught:
        host.resolve("apart.run")
    assert "plugin-manager install" not in str(caught.value)


LOGS = """
class Logs:
    def __init__(self, url, conn_id):
        if conn_id == "none":
            raise OSError("no door")
        self.made_with = url, conn_id
    append = seal = sealed = read = delete = lambda self, *given: None
"""


def test_a_log_store_of_a_provider_goes_before_the_object_store_of_its_scheme(site):
    stores = entry("log_stores", "acme.logs", "Logs", 'scheme = "box"')
    stores += entry("object_stores", "acme.store", "Store", 'scheme = "box"')
    site.provider("acme", stores, code=LOGS + STORE)
    assert host_of(site).log_store("box://a/b", "mine").made_with == ("box://a/b", "mine")
    with pytest.raises(PluginError, match=r"acme.logs cannot be opened: OSError: no door"):
        host_of(site).log_store("box://a/b", "none")


def test_every_object_store_is_a_log_store_at_once(site, tmp_path):
    logs = host_of(site).log_store((tmp_path / "kept").as_uri())
    assert (logs.sealed("d/1"), list(logs.read("d/1"))) == (None, [])
    assert [logs.append("d/1", 0, b"abc"), logs.append("d/1", 0, b"abcd"), logs.append("d/1", 3, b"d")] == [3, 3, 1]
    (tmp_path / "kept/d/1/notes.txt").write_text("of somebody else")
    (tmp_path / "kept/d/1/0000000000000002").write_bytes(b"cd")  # a late write of one that was killed
    assert (b"".join(logs.read("d/1")), b"".join(logs.read("d/1", 2)), logs.sealed("d/1")) == (b"abcd", b"cd", None)
    logs.seal("d/1", 4)
    assert (logs.sealed("d/1"), logs.sealed("d/2")) == (4, None)
    logs.append("d/2", 5, b"late")
    with pytest.raises(ProviderError, match="the piece before it, from byte 0 on, is gone"):
        list(logs.read("d/2"))
    logs.delete("d/")
    assert list(logs.read("d/1")) == list(logs.read("d/2")) == []
    with pytest.raises(MissingProviderError, match=r"plugin-manager search .box."):
        host_of(site).log_store("box://a")
