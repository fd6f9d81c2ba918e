"""Writes the chart's dashboards: `python -m helm.dashboards`, or `make dashboards`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from helm.dashboards.deployment import deployment
from helm.dashboards.fleet import fleet

PLACE: Final = Path(__file__).parents[1] / "lockgate" / "dashboards"


def written() -> Mapping[str, str]:
    """The files by their names."""
    made = {"fleet.json": fleet(), "deployment.json": deployment()}
    return {name: json.dumps(one.json(), indent=2) + "\n" for name, one in made.items()}


if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    for name, content in written().items():
        (PLACE / name).write_text(content)
        print(f"dashboards: {(PLACE / name).relative_to(Path.cwd())}")
