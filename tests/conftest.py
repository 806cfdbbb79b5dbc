"""Makes tests/worlds.py importable as ``worlds``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
