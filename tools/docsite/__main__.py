"""``python -m docsite --out site``: build the documentation as a site, strictly."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from docsite.build import DEVELOPMENT, BrokenDocs, build_site

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site and return the exit code."""
    parser = argparse.ArgumentParser(prog="docsite", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="the folder of all versions")
    parser.add_argument("--version", default=DEVELOPMENT, help="the version, such as 0.1")
    given = parser.parse_args(arguments)
    try:
        print(build_site(ROOT, given.out, given.version))
    except BrokenDocs as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
