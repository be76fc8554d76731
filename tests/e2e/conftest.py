"""Makes the modules of the examples, and those beside these tests, importable."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
sys.path[:0] = [str(HERE), str(EXAMPLES / "clickstream"), str(EXAMPLES / "remote_workers" / "src")]
