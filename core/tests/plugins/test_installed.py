"""A process sees what is installed, replaced, linked and removed while it lives."""

import json
import subprocess
import sys
import venv

PROGRAM = """
import json, os, shutil, sys
from itertools import count
from pathlib import Path
from penstock.app.spawn_server import environment_providers
from penstock.plugins.installed import InstalledHost
from penstock.plugins.sources import PluginSources

site, elsewhere, ticks = Path(sys.argv[1]), Path(sys.argv[2]), count(1)
host = InstalledHost(lambda: PluginSources().host())
providers = environment_providers(installed=host, at_once=True)

def changed():
    os.utime(site, (at := next(ticks), at))  # a file system's clock may stand still between two changes

def install(id_, version, module, to=None):
    package = (to or site) / f"penstock_{id_}"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / f"{module}.py").write_text(
        f"from penstock import Operator\\nclass Echo(Operator):\\n    version = {version}\\n    def execute(self, context): ...\\n"
    )
    (package / "provider.toml").write_text(
        f'schema = 1\\nid = "{id_}"\\nname = "A"\\ndoc = "A."\\nspec = ">=1,<2"\\nimports = ["penstock_{id_}"]\\n'
        f'[[operators]]\\nid = "{id_}.echo"\\nobject = "penstock_{id_}.{module}:Echo"\\ndoc = "Echo."\\n'
    )
    for each in site.glob(f"penstock_providers_{id_}-*"):
        shutil.rmtree(each)
    info = site / f"penstock_providers_{id_}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: penstock-providers-{id_}\\nVersion: {version}\\n")
    (info / "entry_points.txt").write_text(f"[penstock.providers]\\n{id_} = penstock_{id_}:provider.toml\\n")
    changed()

def resolved(capability):
    try:
        return providers.resolve(capability).version
    except Exception as error:
        return type(error).__name__

found = {"before": resolved("acme.echo"), "the same while nothing changes": host() is host()}
install("acme", 1, "operators")
found["installed"] = resolved("acme.echo")
install("beta", 1, "operators")
found["another one"] = resolved("beta.echo")
install("acme", 2, "moved")
found["replaced, its object moved"] = resolved("acme.echo")
install("gamma", 1, "operators", elsewhere)
(site / "_gamma.pth").write_text(f"{elsewhere}\\n")
changed()
found["linked from a folder"] = resolved("gamma.echo")
shutil.rmtree(site / "penstock_providers_acme-2.dist-info")
changed()
found["removed"] = resolved("acme.echo")
print(json.dumps(found))
"""


def test_what_is_installed_while_a_process_lives_is_used_by_it(tmp_path):
    venv.create(tmp_path / "v", with_pip=False)
    (site,) = (tmp_path / "v" / "lib").glob("python*/site-packages")
    (site / "_these.pth").write_text("\n".join(sys.path))
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [tmp_path / "v" / "bin" / "python", tmp_path / "program.py", site, tmp_path / "elsewhere"]
    ended = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, cwd=tmp_path)
    assert json.loads(ended.stdout) == {
        "before": "MissingProviderError",
        "the same while nothing changes": True,
        "installed": 1,
        "another one": 1,
        "replaced, its object moved": 2,
        "linked from a folder": 1,
        "removed": "MissingProviderError",
    }
