"""``python -m docsite --out site``: build the documentation as a site, strictly."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from docsite.build import BrokenDocs, build_site
from docsite.released import build_released
from docsite.versions import DEVELOPMENT, site_version

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site and return the exit code; what is wrong is a sentence."""
    parser = argparse.ArgumentParser(prog="docsite", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the clone")
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="the folder of all versions")
    parser.add_argument("--version", default=DEVELOPMENT, help="the version that the pages here are, such as 0.1")
    parser.add_argument(
        "--released", action="store_true", help="build each minor version that was released, too, from its last release"
    )
    given = parser.parse_args(arguments)
    try:
        version = site_version(given.version)
        released = build_released(given.root, given.out) if given.released else []
        # The pages here come last: they list all versions as this commit's tools do.
        target = build_site(given.root, given.out, version)
    except (BrokenDocs, RuntimeError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(target, *(f"beside {each}" for each in released))
    return 0


if __name__ == "__main__":
    sys.exit(main())
