"""Holds the alert rules and the text of /metrics against Prometheus' own tool; ends with 1 if it has an objection.

``promtool`` is taken from the path, else out of Debian's or Ubuntu's package ``prometheus``, which is downloaded and not installed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from penstock.metrics.exposition import Registry, exposition
from penstock.metrics.metrics_table import METRICS
from penstock.metrics.series import OpenSeries, Record

RULES = Path(__file__).parent.parent / "examples" / "monitoring"


def of_everything() -> str:
    """The text of an installation that has measured one of everything."""
    opened, registry = OpenSeries(), Registry()
    opened.add(Record(each.name, 1.0, tuple("x" for _ in each.tags)) for each in METRICS.values())
    registry.add(opened.take())
    return exposition(registry.series)


def find_promtool(folder: Path) -> str:
    """The tool's path, in a folder if it is not installed.

    Raises:
        CalledProcessError: The package cannot be had, or be taken apart.
    """
    if found := shutil.which("promtool"):
        return found
    subprocess.run(["apt-get", "download", "--quiet", "prometheus"], cwd=folder, check=True)
    [package] = folder.glob("prometheus_*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
    return str(folder / "usr" / "bin" / "promtool")


def main() -> int:
    """Check the rules, run their tests, and check the text."""
    with tempfile.TemporaryDirectory() as folder:
        promtool = find_promtool(Path(folder))
        objections = [
            subprocess.run([promtool, *words], cwd=RULES, input=text, text=True, check=False).returncode
            for words, text in (
                (("check", "rules", "alerts.yml"), ""),
                (("test", "rules", "alerts_test.yml"), ""),
                (("check", "metrics"), of_everything()),
            )
        ]
    return int(any(objections))


if __name__ == "__main__":
    sys.exit(main())
