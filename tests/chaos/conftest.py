"""Makes the modules of the installation under fire importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
