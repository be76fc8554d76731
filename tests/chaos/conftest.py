"""Makes the modules of the clickstream example importable, and those of the installation under fire."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "examples" / "clickstream")]
