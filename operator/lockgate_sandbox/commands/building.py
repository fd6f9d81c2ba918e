"""`build`: make all programs and files of a level, and what parts are made of, ready before anybody waits."""

from __future__ import annotations

import argparse

from lockgate_sandbox.binaries import files_of, programs_of
from lockgate_sandbox.binaries.pins import GATEWAY_API, HELM, PROMETHEUS, tools_of
from lockgate_sandbox.part import in_order
from lockgate_sandbox.worlds import Level


def build_ahead(options: argparse.Namespace) -> int:
    """Build what is not there yet, helm and what parts need too, and say where everything is."""
    level = Level(options.level)
    parts = in_order(options.parts, level)
    tools = (*tools_of(level), HELM, PROMETHEUS)
    found = programs_of(program for tool in tools for program in tool.provides)
    for directory in sorted({path.parent for path in found.values()}):
        names = sorted(name for name, path in found.items() if path.parent == directory)
        print(f"{directory}: {', '.join(names)}")
    print(f"{files_of(GATEWAY_API)}: the CRDs of the Gateway API")
    for part in parts:
        part.prepare(level)
    return 0
