"""What of the chart is beside scheduler and workers: a git repository, Prometheus, gateways, servers; and the order of an upgrade."""

import re
import ssl
import tomllib

import pytest
import yaml

BASE = {
    "image": {"repository": "registry.example.com/data/penstock"},
    "database": {"url": "postgresql://penstock:x@db/penstock"},
}
SHARED = {
    **BASE,
    "shared": {"existingClaim": "ours"},
    "scheduler": {"replicas": 2, "persistence": {"enabled": False}},
    "workers": {"default": {"executor": "far", "queues": ["default"]}},
    "kubernetesExecutor": {"enabled": True},
}


def pod(objects, name="prod-penstock"):
    return objects["Deployment", name]["spec"]["template"]["spec"]


def settings(objects):
    return tomllib.loads(objects["ConfigMap", "prod-penstock"]["data"]["penstock.toml"])


def places(container):
    return {each["mountPath"]: (each["name"], each.get("subPath")) for each in container["volumeMounts"]}


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        ("https://git.example.com/ours/dags", {"--password-file=/etc/git-secret/password"}),
        ("git@git.example.com:ours/dags", {"--ssh-key-file=/etc/git-secret/ssh", "--ssh-known-hosts-file=/etc/git-secret/known_hosts"}),
    ],
)  # fmt: skip
def test_a_repository_is_there_before_the_scheduler_and_is_followed_beside_it_and_nowhere_else(
    render, repository, words
):
    git = {
        "enabled": True,
        "repo": repository,
        "folder": "team/dags",
        "existingSecret": "ours",
        "extraArgs": ["--submodules=off"],
    }
    objects = render({**SHARED, "gitSync": git, "server": {"enabled": True}})
    scheduler = pod(objects)
    [first], [_, beside] = scheduler["initContainers"], scheduler["containers"]
    assert set(first["args"]) - set(beside["args"]) == {"--one-time"}
    assert {f"--repo={repository}", "--link=current", "--root=/git", "--submodules=off", *words} <= set(first["args"])
    assert "--max-failures=-1" in beside["args"], "a repository that is away would end the pod"
    asked = [each["name"] for each in first.get("env", ())]
    assert asked == ([] if "@" in repository else ["GITSYNC_USERNAME"])
    assert settings(objects)["core"]["dags_folder"] == "/git/current/team/dags"
    assert places(scheduler["containers"][0])["/git"] == ("git", None)
    rest = {key: each for key, each in objects.items() if key != ("Deployment", "prod-penstock")}
    assert "git-sync" not in yaml.safe_dump_all(rest.values())


def test_of_several_that_serve_each_has_the_logs_the_snapshots_and_the_large_values(render):
    objects = render({**SHARED, "server": {"enabled": True}})
    assert settings(objects)["core"]["logs_folder"] == "/var/lib/penstock-shared/logs"
    assert settings(objects)["xcom"] == {"store": "file:///var/lib/penstock-shared/values"}
    for name in ("prod-penstock", "prod-penstock-server"):
        found = places(pod(objects, name)["containers"][0])
        assert found["/var/lib/penstock-shared"] == ("shared", None)
        assert found["/var/lib/penstock/snapshots"] == ("shared", "snapshots")
    template = yaml.safe_load(objects["ConfigMap", "prod-penstock"]["data"]["pod.yaml"])["spec"]
    for each in (pod(objects, "prod-penstock-worker-default"), template):
        found = places(each["containers"][0])
        assert {place: each for place, each in found.items() if each[0] == "shared"} == {
            "/var/lib/penstock-shared/values": ("shared", "values")
        }
        assert {"name": "shared", "persistentVolumeClaim": {"claimName": "ours"}} in each["volumes"]
    own = render({**SHARED, "settings": '[xcom]\nstore = "s3://ours/xcom"\n'})
    assert settings(own)["xcom"] == {"store": "s3://ours/xcom"}


def test_servers_of_their_own_are_what_is_asked_and_are_counted_by_their_load(render):
    objects = render({**SHARED, "server": {"enabled": True, "autoscaling": {"enabled": True, "maxReplicas": 9}}})
    server = objects["Deployment", "prod-penstock-server"]["spec"]
    assert "replicas" not in server
    scaled = objects["HorizontalPodAutoscaler", "prod-penstock-server"]["spec"]
    assert (scaled["scaleTargetRef"]["name"], scaled["minReplicas"], scaled["maxReplicas"]) == (
        "prod-penstock-server",
        2,
        9,
    )
    assert server["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"], (
        "no share of nothing can be measured"
    )
    assert server["template"]["spec"]["containers"][0]["args"] == ["server", "start"]
    labels = server["template"]["metadata"]["labels"]
    assert objects["Service", "prod-penstock"]["spec"]["selector"].items() <= labels.items()
    for name in ("worker", "executor"):
        reached = objects["NetworkPolicy", f"prod-penstock-{name}"]["spec"]["egress"][1]["to"][0]["podSelector"]
        assert reached["matchLabels"].items() <= labels.items()
    let_in = objects["NetworkPolicy", "prod-penstock"]["spec"]["podSelector"]["matchExpressions"]
    assert let_in[0]["values"] == ["scheduler", "server"]
    alone = render(BASE)
    assert alone["Service", "prod-penstock"]["spec"]["selector"]["app.kubernetes.io/component"] == "scheduler"
    assert ("Deployment", "prod-penstock-server") not in alone


def test_prometheus_reaches_the_figures_and_its_rules_are_those_of_the_examples_for_this_release(render, deploy):
    given = {
        "enabled": True,
        "from": [{"namespaceSelector": {}}],
        "podMonitor": {"enabled": True},
        "rules": {"enabled": True, "labels": {"a": "b"}},
    }
    objects = render({**BASE, "metrics": given})
    sink = settings(objects)["metrics"]["prometheus"]
    [port] = [each for each in pod(objects)["containers"][0]["ports"] if each["name"] == "metrics"]
    monitor = objects["PodMonitor", "prod-penstock"]["spec"]
    assert (port["containerPort"], monitor["podMetricsEndpoints"][0]["port"]) == (sink["port"], "metrics")
    labels = objects["Deployment", "prod-penstock"]["spec"]["template"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    rules = [each["ports"][0]["port"] for each in objects["NetworkPolicy", "prod-penstock"]["spec"]["ingress"]]
    assert rules == [sink["port"], "https"]
    made = objects["PrometheusRule", "prod-penstock"]
    assert made["metadata"]["labels"]["a"] == "b"
    text = (deploy.parent / "examples" / "monitoring" / "alerts.yml").read_text()
    assert text.count("penstock_") == yaml.safe_dump(made["spec"]).count("penstock_")
    mine = 'job="data/prod-penstock",'
    for rule in made["spec"]["groups"][0]["rules"]:
        names = re.findall(r"penstock_\w+", rule["expr"])
        assert len(names) == rule["expr"].count(f"{{{mine}") >= 1, rule["expr"]
        rule["expr"] = rule["expr"].replace(mine, "").replace("{}", "")
    assert made["spec"] == yaml.safe_load(text)


def test_a_gateway_believes_the_authority_of_the_server_by_the_name_that_its_certificate_has(render):
    objects = render(
        {
            **BASE,
            "httpRoute": {"enabled": True, "parentRefs": [{"name": "ours"}], "hostnames": ["penstock.example.com"]},
        }
    )
    route, policy = (objects[kind, "prod-penstock"]["spec"] for kind in ("HTTPRoute", "BackendTLSPolicy"))
    [backend] = route["rules"][0]["backendRefs"]
    service = objects["Service", backend["name"]]
    assert backend["port"] == service["spec"]["ports"][0]["port"]
    assert policy["targetRefs"][0]["name"] == backend["name"]
    [reference] = policy["validation"]["caCertificateRefs"]
    believed = objects["ConfigMap", reference["name"]]["data"]["ca.crt"]
    ssl.create_default_context(cadata=believed)
    server = settings(objects)["services"]["server"]
    assert policy["validation"]["hostname"] in server["names"]
    assert server["public_url"] == "https://penstock.example.com"


def test_an_upgrade_waits_for_the_database_and_a_first_install_for_its_secrets(render):
    first, later = render(BASE), render(BASE, "--is-upgrade")
    job = ("Job", "prod-penstock-migrate-1")
    assert "annotations" not in first[job]["metadata"]
    assert later[job]["metadata"]["annotations"] == {"helm.sh/hook": "pre-upgrade"}
    assert "penstock db upgrade --drain 600\n" in later[job]["spec"]["template"]["spec"]["containers"][0]["args"][0]
    own = {"beforeUpgrade": False, "annotations": {"argocd.argoproj.io/hook": "Sync"}}
    assert render({**BASE, "migrations": own}, "--is-upgrade")[job]["metadata"]["annotations"] == own["annotations"]


def test_accounts_that_exist_are_taken_and_what_is_asked_for_stands_before_and_beside_a_worker(render):
    more = {"serviceAccount": "tasks", "extraInitContainers": [{"name": "a"}], "extraContainers": [{"name": "b"}]}
    objects = render(
        {**BASE, "serviceAccount": {"existing": "ours"}, "kubernetesExecutor": {"enabled": True},
         "workers": {"default": {"executor": "far", "queues": ["default"], "podDeletionCost": True, **more}}}
    )  # fmt: skip
    assert not [key for key in objects if key[0] == "ServiceAccount"]
    worker = pod(objects, "prod-penstock-worker-default")
    assert (pod(objects)["serviceAccountName"], worker["serviceAccountName"]) == ("ours", "tasks")
    assert [each["name"] for each in worker["initContainers"] + worker["containers"]] == ["a", "worker", "b"]
    for role, account in (("executor", "ours"), ("worker-default", "tasks")):
        assert objects["RoleBinding", f"prod-penstock-{role}"]["subjects"][0]["name"] == account


def test_the_database_is_opened_with_what_it_takes_by_whoever_opens_it(render):
    given = {
        "extraVolumes": [{"name": "authority", "configMap": {"name": "authority"}}],
        "extraVolumeMounts": [{"name": "authority", "mountPath": "/authority"}],
    }
    objects = render({**SHARED, "server": {"enabled": True}, "scheduler": {**SHARED["scheduler"], **given}})
    job = objects["Job", "prod-penstock-migrate-1"]["spec"]["template"]["spec"]
    for each in (job, pod(objects), pod(objects, "prod-penstock-server")):
        assert places(each["containers"][0])["/authority"] == ("authority", None)
        assert given["extraVolumes"][0] in each["volumes"]


def test_helm_test_asks_over_tls_as_workers_do(render):
    objects = render(BASE)
    made = objects["Pod", "prod-penstock-ready"]
    assert made["metadata"]["annotations"]["helm.sh/hook"] == "test"
    [script] = made["spec"]["containers"][0]["args"]
    assert "https://prod-penstock.data.svc:8443/health/{each}" in script
    compile(script, "ready", "exec")
    [peers] = [each["from"][0]["podSelector"] for each in objects["NetworkPolicy", "prod-penstock"]["spec"]["ingress"]]
    assert "test" in peers["matchExpressions"][0]["values"]
