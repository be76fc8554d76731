"""The reference page is what the commands say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_is_current():
    command = [sys.executable, str(ROOT / "tools" / "plugin_manager_reference.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run: python tools/plugin_manager_reference.py"
