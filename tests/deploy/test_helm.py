"""The chart is rendered and linted by Helm itself, and each object held against the schemas of Kubernetes and KEDA."""

import base64
import json
import re
import ssl
import sys
import tomllib

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from penstock.settings import load_settings

KUBERNETES = ["1.28", "1.34"]
BASE = {
    "image": {"repository": "registry.example.com/data/penstock"},
    "database": {"url": "postgresql://penstock:x@db/penstock"},
}
MORE = {
    "envFrom": [{"secretRef": {"name": "more"}}],
    "extraVolumes": [{"name": "certificates", "configMap": {"name": "certificates"}}],
    "extraVolumeMounts": [{"name": "certificates", "mountPath": "/certificates"}],
}
PLACED = {
    "podLabels": {"team": "data"},
    "priorityClassName": "high",
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
}
FULL = {
    "image": {"repository": "registry.example.com/data/penstock", "digest": "sha256:" + "a" * 64},
    "database": {"existingSecret": "the-database"},
    "secretKey": {"existingSecret": "the-key"},
    "tokens": {"existingSecret": "the-tokens"},
    "tls": {"existingSecret": "the-certificate"},
    "broker": {"enabled": True, "existingSecret": "the-broker", "peers": [{"podSelector": {"matchLabels": {"app": "valkey"}}}]},
    "shared": {"existingClaim": "the-claim"},
    "server": {"enabled": True, "autoscaling": {"enabled": True, "maxReplicas": 9}, **PLACED},
    "gitSync": {"enabled": True, "repo": "https://git.example.com/dags", "existingSecret": "the-repository"},
    "metrics": {"enabled": True, "from": [{"podSelector": {}}], "podMonitor": {"enabled": True}, "rules": {"enabled": True}},
    "httpRoute": {
        "enabled": True, "parentRefs": [{"name": "ours"}], "hostnames": ["penstock.example.com"], "authorityConfigMap": "the-authority",
    },
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}}],
    "ingress": {"enabled": True, "className": "nginx", "host": "penstock.example.com", "tlsSecretName": "public"},
    "trustedProxies": ["10.0.0.0/8"],
    "imagePullSecrets": [{"name": "the-registry"}],
    "envFrom": [{"configMapRef": {"name": "more"}}],
    "kubernetesExecutor": {
        "enabled": True, "namespace": "tries", "authorityConfigMap": "the-authority", "options": "slots = 500", **MORE,
        "resources": {"limits": {"memory": "1Gi"}}, "env": [{"name": "ZONE", "value": "eu"}], "podSpec": {"serviceAccountName": "tasks"},
    },
    "settings": '[executors.far]\ntype = "local"\n[queues.default]\nexecutor = "far"\nmax_workers = 30\n',
    "networkPolicy": {"apiServer": {"cidr": "10.96.0.1/32"}, "workerEgress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]},
    "workers": {
        "default": {
            "executor": "far", "queues": ["default", "re.ports"], "concurrency": 8, "podDeletionCost": True,
            "autoscaling": {"enabled": True, "maxReplicas": 30}, "terminationGracePeriodSeconds": 900,
        },
        "gpu": {"executor": "far", "queues": ["gpu"], "replicas": 2, "nodeSelector": {"gpu": "yes"}, **MORE, **PLACED},
    },
    "scheduler": {
        "replicas": 2, "persistence": {"enabled": False}, **PLACED,
        "tolerations": [{"key": "ours", "operator": "Exists"}],
        "extraVolumes": MORE["extraVolumes"], "extraVolumeMounts": MORE["extraVolumeMounts"],
    },
}  # fmt: skip
SCALED = {**BASE, "workers": {"default": {"executor": "far", "queues": ["default"], "autoscaling": {"enabled": True}}}}
CHECK = (
    "import json, sys; sys.path.append(sys.argv[1]); import kubernetes_validate as k\n"
    "for each in json.load(open(sys.argv[2])):\n for version in sys.argv[3:]: k.validate(each, version, strict=True)"
)
OTHERS = {"ScaledObject", "TriggerAuthentication", "HTTPRoute", "BackendTLSPolicy", "PodMonitor", "PrometheusRule"}
VALUES = {"least": BASE, "all": FULL, "scaled": SCALED}


@pytest.fixture(params=VALUES)
def objects(request, render):
    return render(VALUES[request.param])


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_helm_has_no_objection(tools, deploy, tmp_path, values):
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    tools.run(tools.helm, "lint", "--strict", deploy / "helm" / "penstock", "--values", tmp_path / "values.yaml")


def test_each_object_is_one_of_kubernetes_and_has_no_field_that_it_does_not_know(objects, tools, tmp_path):
    (tmp_path / "objects.json").write_text(
        json.dumps([each for each in objects.values() if each["kind"] not in OTHERS])
    )
    tools.run(sys.executable, "-c", CHECK, tools.packages, tmp_path / "objects.json", *KUBERNETES)


def test_an_object_with_a_strange_field_would_be_seen(render, tools, tmp_path):
    wrong = render(BASE)["Deployment", "prod-penstock"]
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    (tmp_path / "objects.json").write_text(json.dumps(wrong))
    check = (
        "import json, sys; sys.path.append(sys.argv[1]); import kubernetes_validate as k; "
        "k.validate(json.load(open(sys.argv[2])), '1.34', strict=True)"
    )
    assert "readOnly" in tools.run(sys.executable, "-c", check, tools.packages, tmp_path / "objects.json", ok=False)


def test_what_keda_gateways_and_the_operator_of_prometheus_read_is_as_their_models_have_it(render, model_problems):
    found = {kind: each for (kind, _), each in render(FULL).items() if kind in OTHERS}
    assert found.keys() == OTHERS
    assert model_problems(list(found.values())) == []
    found["ScaledObject"]["spec"]["triggers"] = "none"
    found["HTTPRoute"]["spec"]["rules"][0]["backendRefs"][0]["port"] = "https"
    found["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["interval"] = 30
    assert len(model_problems(list(found.values()))) == 3


def pods(objects):
    made = {key: each["spec"]["template"]["spec"] for key, each in objects.items() if key[0] in {"Deployment", "Job"}}
    return made | {key: each["spec"] for key, each in objects.items() if key[0] == "Pod"}


def test_no_pod_runs_as_root_or_writes_into_its_image(objects):
    for key, pod in pods(objects).items():
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001), key
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in [*pod.get("initContainers", ()), *pod["containers"]]:
            limits = each["securityContext"]
            assert (limits["readOnlyRootFilesystem"], limits["allowPrivilegeEscalation"]) == (True, False), key
            assert limits["capabilities"] == {"drop": ["ALL"]}
            assert each["resources"]["requests"], key
            own = {"/git", "/tmp"} if "git-sync" in each["name"] else {"/tmp", "/var/lib/penstock"}
            assert own <= {mount["mountPath"] for mount in each["volumeMounts"]}, key


def secrets_of(pod):
    named = {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    for container in pod["containers"]:
        named |= {
            each["valueFrom"]["secretKeyRef"]["name"]
            for each in container["env"]
            if "secretKeyRef" in each.get("valueFrom", {})
        }
    return named


def test_workers_have_neither_the_database_nor_the_master_key(render):
    found = pods(render(FULL))
    assert secrets_of(found["Deployment", "prod-penstock"]) == {
        "the-database",
        "the-key",
        "the-certificate",
        "the-broker",
        "the-repository",
    }
    for pool in ("default", "gpu"):
        worker = found["Deployment", f"prod-penstock-worker-{pool}"]
        assert secrets_of(worker) == {"the-tokens", "the-certificate", "the-broker"}
        assert "tls.key" not in json.dumps(worker)
        assert "scaler" not in json.dumps(worker)
        variables = {each["name"] for each in worker["containers"][0]["env"]}
        assert "PENSTOCK_SERVER_AUTHORITY_FILE" in variables
        assert "SSL_CERT_FILE" not in variables, "tasks would trust nobody else"
        assert not {name for name in variables if "DATABASE" in name or "SECRET_KEY" in name}


def test_workers_reach_the_server_and_the_broker_and_what_is_allowed_by_name(render):
    policy = render(FULL)["NetworkPolicy", "prod-penstock-worker"]["spec"]
    assert (policy["policyTypes"], policy["ingress"]) == (["Ingress", "Egress"], [])
    ports = [[each["port"] for each in rule.get("ports", [])] for rule in policy["egress"]]
    assert ports == [[53, 53], [8443], [6379], [443], []]
    own = render(BASE)["NetworkPolicy", "prod-penstock-worker"]["spec"]["egress"]
    assert [[each["port"] for each in rule["ports"]] for rule in own] == [[53, 53], [8443]]
    tries = render(FULL)["NetworkPolicy", "prod-penstock-executor"]
    assert tries["metadata"]["namespace"] == "tries"
    assert [[each["port"] for each in rule.get("ports", [])] for rule in tries["spec"]["egress"]] == [
        [53, 53],
        [8443],
        [],
    ]


def test_the_scheduler_may_start_pods_in_the_namespace_of_tries_alone(render, deploy):
    objects = render(FULL)
    role = objects["Role", "prod-penstock-executor"]
    assert role["metadata"]["namespace"] == "tries"
    page = (deploy.parent / "docs" / "how-to" / "scale-out-with-kubernetes.md").read_text()
    told = yaml.safe_load(re.search(r'^```yaml title="role.yaml"\n(.*?)^```', page, re.MULTILINE | re.DOTALL)[1])
    assert role["rules"] == told["rules"]
    assert not any("Cluster" in kind for kind, _ in objects)
    assert ("Role", "prod-penstock-executor") not in render(BASE)
    own = objects["Role", "prod-penstock-worker-default"]
    assert [(rule["resources"], rule["verbs"]) for rule in own["rules"]] == [(["pods"], ["patch"])]
    mounted = {key: pod["automountServiceAccountToken"] for key, pod in pods(objects).items()}
    assert [name for (_, name), each in mounted.items() if each] == ["prod-penstock", "prod-penstock-worker-default"]


def test_a_worker_may_annotate_pods_where_it_is_told_its_own_and_nowhere_else(render):
    found = render(FULL)
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]
    assert found["Role", "prod-penstock-worker-default"]["rules"] == rules
    assert found["RoleBinding", "prod-penstock-worker-default"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "prod-penstock-worker-default", "namespace": "data"}
    ]
    assert ("Role", "prod-penstock-worker-gpu") not in found
    for pool, told in (("default", True), ("gpu", False)):
        spec = found["Deployment", f"prod-penstock-worker-{pool}"]["spec"]["template"]["spec"]
        assert spec["automountServiceAccountToken"] is told
        names = {each["name"] for each in spec["containers"][0]["env"]}
        assert ({"PENSTOCK_POD_NAME", "PENSTOCK_POD_NAMESPACE"} <= names) is told


def test_a_worker_has_time_for_its_longest_try_and_keda_counts_the_workers(render):
    objects = render(FULL)
    worker = objects["Deployment", "prod-penstock-worker-default"]["spec"]
    assert worker["template"]["spec"]["terminationGracePeriodSeconds"] == 900
    assert "replicas" not in worker
    assert objects["Deployment", "prod-penstock-worker-gpu"]["spec"]["replicas"] == 2
    words = worker["template"]["spec"]["containers"][0]["args"]
    assert words == [
        "worker",
        "--executor",
        "far",
        "--queues",
        "default,re.ports",
        "--concurrency",
        "8",
        "--folder",
        "/var/lib/penstock",
    ]
    scaled = objects["ScaledObject", "prod-penstock-worker-default"]["spec"]
    assert [each["metadata"]["valueLocation"] for each in scaled["triggers"]] == [
        "default.workers",
        "re\\.ports.workers",
    ]
    assert scaled["advanced"]["scalingModifiers"]["formula"] == "q0 + q1"
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"], scaled["cooldownPeriod"]) == (0, 30, 0)


def test_the_settings_that_it_writes_are_read(render, tmp_path):
    text = render(FULL)["ConfigMap", "prod-penstock"]["data"]["penstock.toml"]
    (tmp_path / "penstock.toml").write_text(text)
    settings = load_settings({}, tmp_path)
    assert (settings.queues, settings.queue_workers["default"].max_workers) == ({"default": "far"}, 30)
    server = tomllib.loads(text)["services"]["server"]
    assert (server["public_url"], server["trusted_proxies"]) == ("https://penstock.example.com", ["10.0.0.0/8"])
    worker = render(FULL)["Deployment", "prod-penstock-worker-default"]["spec"]["template"]["spec"]["containers"][0]
    asked = next(each["value"] for each in worker["env"] if each["name"] == "PENSTOCK_SERVER")
    assert asked == f"https://{server['names'][0]}:8443"


@pytest.mark.parametrize(
    ("given", "volume"),
    [
        ({"enabled": True}, {"secret": "prod-penstock-tls"}),
        ({"enabled": True, "namespace": "tries", "authorityConfigMap": "ours"}, {"configMap": "ours"}),
    ],
)
def test_the_pod_of_a_try_has_the_authority_of_the_server_and_no_rights(render, tools, tmp_path, given, volume):
    data = render({**BASE, "kubernetesExecutor": given})["ConfigMap", "prod-penstock"]["data"]
    written = tomllib.loads(data["penstock.toml"])["executors"]["kubernetes"]
    assert (written["type"], written["server"]) == ("kubernetes.executor", "https://prod-penstock.data.svc:8443")
    assert (written["namespace"], written["image"]) == (
        given.get("namespace", "data"),
        "registry.example.com/data/penstock:0.1.0",
    )
    pod = yaml.safe_load(data["pod.yaml"])
    [worker] = pod["spec"]["containers"]
    assert (worker["securityContext"]["readOnlyRootFilesystem"], pod["spec"]["automountServiceAccountToken"]) == (
        True,
        False,
    )
    [tls] = [each for each in pod["spec"]["volumes"] if each["name"] == "tls"]
    assert (tls.get("secret", {}).get("secretName") or tls["configMap"]["name"]) in volume.values()
    assert [each["key"] for each in (tls.get("secret") or tls["configMap"])["items"]] == ["ca.crt"]
    whole = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x"},
        "spec": {**pod["spec"], "containers": [worker | {"image": "x"}]},
    }
    (tmp_path / "objects.json").write_text(json.dumps([whole]))
    tools.run(sys.executable, "-c", CHECK, tools.packages, tmp_path / "objects.json", *KUBERNETES)


def test_what_a_cluster_asks_of_pods_beside_ours_reaches_each_of_them(render):
    beside = {"extraContainers": [{"name": "beside", "image": "beside:1"}]}
    objects = render({**FULL, "scheduler": {**FULL["scheduler"], **beside}})
    found = {name: pod for (_, name), pod in pods(objects).items()}
    pod = yaml.safe_load(objects["ConfigMap", "prod-penstock"]["data"]["pod.yaml"])["spec"]
    for each in (found["prod-penstock"], found["prod-penstock-worker-gpu"], pod):
        assert each["imagePullSecrets"] == [{"name": "the-registry"}]
        assert {"name": "certificates", "configMap": {"name": "certificates"}} in each["volumes"]
        assert {"name": "certificates", "mountPath": "/certificates"} in each["containers"][0]["volumeMounts"]
        assert each["containers"][0]["envFrom"]
    assert [each["name"] for each in found["prod-penstock"]["containers"]] == ["scheduler", "git-sync", "beside"]
    migrate = next(pod for name, pod in found.items() if "migrate" in name)
    for each in (found["prod-penstock"], migrate, found["prod-penstock-worker-gpu"]):
        assert (each["priorityClassName"], each["topologySpreadConstraints"][0]["maxSkew"]) == ("high", 1)
    assert migrate["tolerations"] == found["prod-penstock"]["tolerations"]
    assert (pod["serviceAccountName"], pod["containers"][0]["resources"]) == ("tasks", {"limits": {"memory": "1Gi"}})
    written = tomllib.loads(objects["ConfigMap", "prod-penstock"]["data"]["penstock.toml"])
    assert written["executors"]["kubernetes"]["slots"] == 500
    assert (
        "serviceAccountName"
        not in yaml.safe_load(
            render({**BASE, "kubernetesExecutor": {"enabled": True}})["ConfigMap", "prod-penstock"]["data"]["pod.yaml"]
        )["spec"]
    )


def test_its_own_certificate_is_one_that_workers_and_browsers_believe(render, tmp_path):
    made = {key: base64.b64decode(value) for key, value in render(BASE)["Secret", "prod-penstock-tls"]["data"].items()}
    certificate, authority = (x509.load_pem_x509_certificate(made[name]) for name in ("tls.crt", "ca.crt"))
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert {"prod-penstock.data.svc", "prod-penstock", "localhost"} <= set(names.get_values_for_type(x509.DNSName))
    usage = certificate.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in usage
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")


def test_its_secrets_are_of_the_form_that_is_read(render):
    objects = render(BASE)
    key = base64.b64decode(objects["Secret", "prod-penstock-key"]["data"]["secret-key"])
    assert len(base64.urlsafe_b64decode(key)) == 32
    tokens = objects["Secret", "prod-penstock-tokens"]["data"].values()
    assert all(len(base64.b64decode(each)) == len("penstock_") + 48 for each in tokens)
    assert objects["Secret", "prod-penstock-key"]["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"image": {}}, "image.repository is not given"),
        ({"database": {"url": ""}}, "database.existingSecret is not given, nor database.url"),
        ({"database": {"url": "sqlite:///x"}}, "does not match pattern"),
        ({"publicUrl": "http://penstock.example.com"}, "does not match pattern"),
        ({"scheduler": {"replicas": 2}}, "scheduler.replicas is more than 1"),
        (
            {**SCALED, "scheduler": {"replicas": 2, "persistence": {"enabled": False}}},
            "shared.existingClaim is not given",
        ),
        ({"server": {"enabled": True}}, "shared.existingClaim is not given"),
        ({"gitSync": {"enabled": True}}, "gitSync.repo is not given"),
        (
            {"gitSync": {"repo": "git.example.com/dags"}},
            "at '/gitSync/repo': 'git.example.com/dags' does not match pattern",
        ),
        ({"metrics": {"enabled": True}}, "metrics.from is not given"),
        ({"metrics": {"rules": {"enabled": True}}}, "metrics.enabled is false"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs is not given"),
        ({"httpRoute": {"enabled": True, "parentRefs": [{"name": "ours"}]}}, "httpRoute.hostnames is not given"),
        (
            {"httpRoute": {"enabled": True, "parentRefs": [{}], "hostnames": ["x"]}, "tls": {"existingSecret": "x"}},
            "httpRoute.authorityConfigMap is not given",
        ),
        ({"workers": {"default": {"executor": "far"}}}, "missing property 'queues'"),
        ({"workers": {"default": {"executor": "far", "queues": ["a,b"]}}}, "does not match pattern"),
        ({"kubernetesExecutor": {"podSpec": {"containers": []}}}, "'not' failed"),
        ({"worker": {}}, "additional properties 'worker' not allowed"),
        ({"broker": {"enabled": True, "existingSecret": "x"}}, "workers would reach no broker"),
        ({"ingress": {"enabled": True}}, "ingress.host is not given"),
        (
            {"kubernetesExecutor": {"enabled": True, "namespace": "tries"}},
            "kubernetesExecutor.authorityConfigMap is not given",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(render, more, told):
    assert told in render({**BASE, **more}, ok=False)


def test_each_value_is_described_and_has_its_place_in_the_schema(deploy):
    chart = deploy / "helm" / "penstock"
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())

    def places(given, place, path):
        for name, value in given.items():
            properties = place.get("properties", {})
            if isinstance(value, dict) and properties.get(name, {}).get("properties"):
                yield from places(value, properties[name], (*path, name))
            else:
                yield (*path, name), name in properties

    assert [path for path, known in places(values, schema, ()) if not known] == []
    given = {path for path, _ in places(values, schema, ())}
    asked = {
        (*path, name)
        for path, place in [((), schema), *(((name,), each) for name, each in schema["properties"].items())]
        for name, each in place.get("properties", {}).items()
        if "properties" not in each
    }
    assert {path for path in asked - given if path[0] not in {"workers", "global"}} == set()
