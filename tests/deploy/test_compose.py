"""The compose file is read by a strict parser of the compose specification, and what its services reach and hold is looked at."""

import json
import re
import sys

import pytest
import yaml

from penstock.settings import load_settings

PARSE = "import sys; sys.path.append(sys.argv[1]); import compose_spec; compose_spec.PyCompose.from_json(open(sys.argv[2]).read())"


def resolved(text, **given):
    """The file with its variables and anchors in place, as compose reads it."""

    def value(found):
        return {"PENSTOCK_UID": "1000", **given}.get(found[1], found[3] if found[2] == ":-" else "")

    return yaml.safe_load(re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text))


@pytest.fixture
def compose(deploy):
    return resolved((deploy / "compose" / "compose.yaml").read_text())


@pytest.fixture
def parse(tools, tmp_path):
    def parsed(content, *, ok=True):
        (tmp_path / "compose.json").write_text(json.dumps(content))
        return tools.run(sys.executable, "-c", PARSE, tools.packages, tmp_path / "compose.json", ok=ok)

    return parsed


def test_it_is_what_the_specification_says(compose, parse):
    parse(compose)
    wrong = json.loads(json.dumps(compose))
    wrong["services"]["worker"]["depends_on"]["scheduler"]["condition"] = "healthy"
    assert "healthy" in parse(wrong, ok=False)
    del wrong["services"]["worker"]["depends_on"]
    wrong["services"]["broker"]["healthcheck"]["interval"] = "five"
    assert "five" in parse(wrong, ok=False)


def test_all_that_it_names_is_there(compose):
    for name, service in compose["services"].items():
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        named = [each.partition(":")[0] for each in service.get("volumes", [])]
        assert {each for each in named if not each.startswith(".")} <= set(compose["volumes"]), name
    used = {each for service in compose["services"].values() for each in service.get("secrets", [])}
    assert used == set(compose["secrets"])


def test_workers_reach_the_server_and_the_broker_and_not_the_database(compose):
    services = compose["services"]
    assert set(services["worker"]["networks"]) & set(services["postgres"]["networks"]) == set()
    assert set(services["worker"]["networks"]) <= set(services["scheduler"]["networks"])
    assert set(services["worker"]["networks"]) <= set(services["broker"]["networks"])
    assert set(services["broker"]["networks"]) & set(services["postgres"]["networks"]) == set()
    assert compose["networks"]["data"] == {"internal": True}
    assert set(services["worker"]["secrets"]) == {"worker_token", "broker_url", "tls_authority"}
    asked = services["worker"]["environment"]["PENSTOCK_SERVER"]
    assert asked == "https://scheduler:8443"
    assert services["scheduler"]["networks"]["work"] == {"aliases": ["scheduler"]}
    assert "ports" not in services["worker"]


def test_the_authority_of_the_server_vouches_for_it_alone_and_what_tasks_ask_is_verified_as_ever(compose):
    environments = {name: each.get("environment", {}) for name, each in compose["services"].items()}
    assert environments["worker"]["PENSTOCK_SERVER_AUTHORITY_FILE"] == "/run/secrets/tls_authority"
    assert not any("SSL_CERT_FILE" in each for each in environments.values())


def test_by_the_host_name_of_a_real_certificate_workers_ask_and_the_scheduler_is_found(deploy, parse):
    text = (deploy / "compose" / "compose.yaml").read_text()
    made = resolved(text, PENSTOCK_HOST="penstock.example.com", PENSTOCK_ADDRESS="0.0.0.0")
    parse(made)
    assert made["services"]["worker"]["environment"]["PENSTOCK_SERVER"] == "https://penstock.example.com:8443"
    assert made["services"]["scheduler"]["networks"]["work"] == {"aliases": ["penstock.example.com"]}
    assert made["services"]["scheduler"]["ports"] == ["0.0.0.0:8443:8443"]


def test_what_containers_print_does_not_fill_the_disk(compose):
    assert {
        name for name, each in compose["services"].items() if each["logging"]["options"]["max-size"] != "10m"
    } == set()


def test_no_secret_stands_in_the_file_or_in_the_environment(compose):
    assert all(each["file"].startswith("./secrets/") for each in compose["secrets"].values())
    for name, service in compose["services"].items():
        for variable in service.get("environment", {}):
            secret = re.search(r"PASSWORD|SECRET|TOKEN|CONN|URL", variable)
            assert not secret or variable.endswith("_FILE"), (name, variable)


def test_what_is_ours_runs_as_a_user_without_rights_and_writes_into_no_image(compose):
    ours = [each for each in compose["services"].values() if "build" in each]
    assert len(ours) == 3
    for service in [*ours, compose["services"]["broker"]]:
        assert (service["user"], service["read_only"]) == ("1000:0", True)
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


def test_each_service_starts_after_what_it_needs_and_says_whether_it_is_well(compose):
    services = compose["services"]
    assert {name for name, each in services.items() if "healthcheck" in each} == {"postgres", "broker", "scheduler"}
    conditions = {
        name: {other: each["condition"] for other, each in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert conditions["migrate"] == {"postgres": "service_healthy"}
    assert conditions["scheduler"] == {"postgres": "service_healthy", "migrate": "service_completed_successfully"}
    assert conditions["worker"] == {"scheduler": "service_healthy", "broker": "service_healthy"}
    assert services["worker"]["stop_grace_period"] == "600s"
    assert services["migrate"]["restart"] == "no"


def test_the_settings_beside_it_are_read_and_serve_by_the_name_that_workers_ask(deploy, compose, tmp_path):
    text = (deploy / "compose" / "penstock.toml").read_text()
    (tmp_path / "penstock.toml").write_text(text)
    settings = load_settings({}, tmp_path)
    server = settings.services["server"].options
    assert "scheduler" in server["names"]
    assert (str(settings.dags_folder), str(settings.state_folder)) == ("/srv/penstock/dags", "/var/lib/penstock")
    shared = settings.xcom.store.removeprefix("file://").rpartition("/")[0]
    for name in ("scheduler", "worker"):
        assert f"shared:{shared}" in compose["services"][name]["volumes"]
    assert shared in (deploy / "image" / "Containerfile").read_text(), (
        "a volume has the owner and mode that it has there"
    )
    files = {server["tls_certificate"], server["tls_key"]}
    assert files == {"/run/secrets/tls_certificate", "/run/secrets/tls_key"}
    words = compose["services"]["worker"]["command"][0].split()
    assert words[words.index("--executor") + 1] in settings.executors
    assert {settings.queues[each] for each in words[words.index("--queues") + 1].split(",")} == {"celery"}
