"""`build`: make all programs and files of a level ready before anybody waits for them."""

from __future__ import annotations

import argparse

from lockgate_sandbox.binaries import files_of, programs_of
from lockgate_sandbox.binaries.pins import GATEWAY_API, HELM, PROMETHEUS, tools_of
from lockgate_sandbox.worlds import Level


def build_ahead(options: argparse.Namespace) -> int:
    """Build what is not there yet, helm and what parts need too, and say where everything is."""
    tools = (*tools_of(Level(options.level)), HELM, PROMETHEUS)
    found = programs_of(program for tool in tools for program in tool.provides)
    for directory in sorted({path.parent for path in found.values()}):
        names = sorted(name for name, path in found.items() if path.parent == directory)
        print(f"{directory}: {', '.join(names)}")
    print(f"{files_of(GATEWAY_API)}: the CRDs of the Gateway API")
    return 0
