"""Where the repository is that this package runs from, and what of it others than Python need."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# What PYTHONPATH has to name in a process that starts elsewhere.
PACKAGES = REPOSITORY / "operator"
CHART = REPOSITORY / "helm" / "lockgate"
CRDS = REPOSITORY / "crds"
EXAMPLES = REPOSITORY / "docs" / "examples"
