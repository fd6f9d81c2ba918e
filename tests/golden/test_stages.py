"""Whole stages as the objects of the backend, byte for byte, as reviewed files; `make golden` writes anew.

Of a pod template only what marks its pods is kept: the rest is that of every release (`test_objects.py`).
"""

import json
import os
from dataclasses import replace
from typing import Any

import pytest
import yaml
from tests.fakes.builders import PODS
from tests.fakes.stages import PUBLIC, RUNTIME, SIZE, Hands, split
from tests.golden.test_objects import CASES

from lockgate.backends.deployment.render import render_children
from lockgate.backends.deployment.template import render_template
from lockgate.domain.plan import Stage

MATCH = (("x-model-candidate", "yes"),)


def stage_of(case: str, hands: Hands) -> Stage:
    home, candidate = hands.track(1, SIZE, home=True), hands.track(2, SIZE)
    one = replace(candidate, replicas=1)
    beside = (("churn", 100), (candidate.workload, 0))
    canary = split(("churn", 90), (candidate.workload, 10))
    matched = split(*beside, special=candidate.workload, match=MATCH)
    copied = split(*beside, special=candidate.workload, mirror=20)
    return {
        "canary": Stage(tracks=(home, one), split=canary, front="churn"),
        "blue_green": Stage(tracks=(home, candidate), front="churn", preview=candidate.workload),
        "shadow": Stage(tracks=(home, one), split=copied, front="churn"),
        "header_match": Stage(tracks=(home, one), split=matched, front="churn"),
    }[case]


@pytest.mark.parametrize("case", ["canary", "blue_green", "shadow", "header_match"])
def test_a_stage_is_drawn_as_it_was_reviewed(case: str):
    hands = Hands(traffic={"gateway": "public", "path": "/churn"})
    asked, stage = hands.deployment, stage_of(case, hands)
    objects: list[Any] = []
    for drawing in render_children(asked, stage, PUBLIC):
        if drawing.release is None:
            objects.append(drawing.obj)
            continue
        whole = drawing.whole(render_template(asked, RUNTIME, drawing.release, PODS))
        whole["spec"]["template"] = {"metadata": whole["spec"]["template"]["metadata"]}
        objects.append(whole)
    path = CASES / f"{case}.yaml"
    plain = json.loads(json.dumps(objects))  # the same part twice is written twice, not as an alias
    text = yaml.safe_dump_all(plain, sort_keys=True, width=100)
    if os.environ.get("LOCKGATE_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
