"""Makes the modules of the clickstream example importable."""

import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "clickstream"
sys.path.insert(0, str(EXAMPLE))
