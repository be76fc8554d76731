"""The how-to builds a provider that passes the suite."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "write-a-provider.md"
SDK = """
class AcmeError(Exception):
    status = 500
"""


def test_the_files_of_the_page_make_a_provider_that_passes_the_suite(tmp_path, monkeypatch):
    blocks = re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    texts = {name: text for name, text in blocks if name.startswith("src/")}
    assert {Path(name).stem for name in texts} == {"provider", "errors", "connections", "hooks", "operators", "plugin"}
    package, info = tmp_path / "penstock_acme", tmp_path / "penstock_providers_acme-0.1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text('"""Sends boxes by Acme."""\n')
    for name, text in texts.items():
        (package / Path(name).name).write_text(text)
    (tmp_path / "acme_sdk.py").write_text(SDK)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: penstock-providers-acme\nVersion: 0.1.0\nRequires-Dist: acme-sdk\n"
    )
    (info / "entry_points.txt").write_text("[penstock.providers]\nacme = penstock_acme:provider.toml\n")
    (info / "RECORD").write_text("penstock_acme/provider.toml,,\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    command = [sys.executable, "-m", "penstock.testing.provider_suite", "acme"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "15 passed" in done.stdout, done.stdout + done.stderr
