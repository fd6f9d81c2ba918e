"""A split as an HTTPRoute, and read back: what is written means what was meant, and what is edited shows."""

import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.builders import deployment
from tests.fakes.stages import PUBLIC, split

from lockgate.backends.deployment.route import read_route, render_route, services_named
from lockgate.domain.split import Arm, TrafficSplit

A, B = "churn-0000000a", "churn-0000000b"
ASKED = deployment(traffic={"gateway": "public", "path": "/v2"})
texts = st.text("abcXYZ-0", min_size=1, max_size=8)
cookies = st.text("ab._-0", min_size=1, max_size=8)


@st.composite
def splits(draw: st.DrawFn) -> TrafficSplit:
    names = draw(st.permutations(["churn", A, B]))[: draw(st.integers(1, 3))]
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(names) - 1, max_size=len(names) - 1)))
    weights = [after - before for before, after in zip([0, *cuts], [*cuts, 100], strict=True)]
    match = tuple(draw(st.lists(st.tuples(texts, texts), max_size=2)))
    mirror = draw(st.sampled_from([0, 0, 1, 20, 100]))
    special = names[-1] if match or mirror else None
    arms, left = [], 99
    for name in draw(st.sampled_from([[], ["churn-b"], ["churn-b", "churn-c-0000000a"]])):
        weight = draw(st.integers(0, left))
        headers = tuple(draw(st.lists(st.tuples(texts, texts), max_size=2)))
        arms.append(Arm(name, weight, headers, draw(st.none() | st.tuples(cookies, cookies))))
        left -= weight
    return TrafficSplit(
        weights=tuple(zip(names, weights, strict=True)),
        special=special,
        match=match,
        mirror=mirror,
        arms=tuple(arms),
    )


def drawn(of: TrafficSplit) -> dict[str, Any]:
    return render_route(ASKED, of, PUBLIC)


@given(splits())
def test_what_is_written_is_read_back_as_it_was_meant(of):
    assert read_route(drawn(of), "churn") == (of, True)


@given(splits())
def test_every_weight_is_written_out_and_each_has_a_service_of_its_own(of):
    backends = drawn(of)["spec"]["rules"][-1]["backendRefs"]
    assert sum(backend["weight"] for backend in backends) == (10000 if of.arms else 100)
    assert len({backend["name"] for backend in backends}) == len(of.weights) + len(of.arms)
    assert "churn" not in services_named(drawn(of)), "the front may be of any workload"
    assert len(services_named(drawn(of))) == len(of.names) + len(of.arms)


def test_a_route_names_one_listener_of_the_platforms_gateway_and_its_hostname():
    spec = drawn(split(("churn", 100)))["spec"]
    assert spec["parentRefs"] == [
        {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "namespace": "gateways",
            "name": "public",
            "sectionName": "https",
        }
    ]
    assert spec["hostnames"] == ["churn.growth.models.example.com"]
    assert spec["rules"][0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/v2"}}]


def test_who_carries_the_headers_comes_to_the_candidate_before_any_weight_is_asked():
    rules = drawn(split(("churn", 100), (A, 0), special=A, match=(("x-canary", "yes"),)))["spec"]["rules"]
    (match,) = rules[0]["matches"]
    assert match["headers"] == [{"type": "Exact", "name": "x-canary", "value": "yes"}]
    assert match["path"] == rules[1]["matches"][0]["path"]
    assert [(each["name"], each["weight"]) for each in rules[0]["backendRefs"]] == [(A, 100)]
    assert [(each["name"], each["weight"]) for each in rules[1]["backendRefs"]] == [
        ("churn-own", 100),
        (A, 0),
    ]


@pytest.mark.parametrize(("percent", "written"), [(100, {}), (7, {"percent": 7})])
def test_copies_are_of_a_part_or_without_a_number_of_all(percent, written):
    (rule,) = drawn(split(("churn", 100), special=A, mirror=percent))["spec"]["rules"]
    backend = {"group": "", "kind": "Service", "name": A, "port": 80}
    assert rule["filters"] == [{"type": "RequestMirror", "requestMirror": {"backendRef": backend, **written}}]


def edited(change: Any) -> dict[str, Any]:
    route = deepcopy(drawn(split(("churn", 90), (A, 10))))
    change(route["spec"]["rules"])
    return route


BACKENDS = {"group": "", "kind": "Service", "port": 80}


@pytest.mark.parametrize(
    ("change", "weights"),
    [
        pytest.param(
            lambda rules: [each.update(weight=3 - n) for n, each in enumerate(rules[0]["backendRefs"], 1)],
            (("churn", 67), (A, 33)),
            id="weights that make no hundred are shares",
        ),
        pytest.param(
            lambda rules: [each.pop("weight") for each in rules[0]["backendRefs"]],
            (("churn", 50), (A, 50)),
            id="weights that are not written are one",
        ),
        pytest.param(
            lambda rules: rules[0]["backendRefs"].append({**BACKENDS, "name": "evil", "weight": 900}),
            (("churn", 90), (A, 10)),
            id="whoever is not ours does not count",
        ),
        pytest.param(
            lambda rules: rules[0]["backendRefs"][1].update(namespace="elsewhere"),
            (("churn", 100),),
            id="nor one of that name elsewhere",
        ),
        pytest.param(
            lambda rules: rules[0]["backendRefs"][1].update(kind="ServiceImport"),
            (("churn", 100),),
            id="nor another kind of that name",
        ),
        pytest.param(
            lambda rules: rules[0]["backendRefs"][0].update(name="churn"),
            ((A, 100),),
            id="nor the Service of all pods",
        ),
        pytest.param(
            lambda rules: rules.insert(0, {"matches": [{"path": {"value": "/x"}}], "backendRefs": []}),
            (("churn", 90), (A, 10)),
            id="another rule",
        ),
        pytest.param(
            lambda rules: rules[0].update(timeouts={"request": "1s"}),
            (("churn", 90), (A, 10)),
            id="another field",
        ),
        pytest.param(
            lambda rules: rules[0].update(filters=[{"type": "RequestMirror"}]),
            (("churn", 90), (A, 10)),
            id="a copy to nobody",
        ),
    ],
)
def test_what_somebody_has_changed_is_read_as_far_as_it_is_ours_and_is_not_what_was_written(change, weights):
    read, is_ours = read_route(edited(change), "churn")
    assert read is not None
    assert read.weights == weights

    assert not is_ours


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rules: rules.clear(), id="no rules"),
        pytest.param(lambda rules: rules[0].update(backendRefs=[]), id="no backends"),
        pytest.param(lambda rules: rules[0].update(backendRefs=[{"name": "evil"}]), id="somebody else's"),
        pytest.param(
            lambda rules: [each.update(weight=0) for each in rules[0]["backendRefs"]],
            id="nothing for anybody",
        ),
        pytest.param(
            lambda rules: rules[0]["matches"][0].update(headers=[{"name": "a", "value": "b"}]),
            id="a part of the requests",
        ),
    ],
)
def test_a_route_that_leads_to_nobody_of_ours_is_no_split(change):
    assert read_route(edited(change), "churn") == (None, False)


@pytest.mark.parametrize(
    ("header", "comes"),
    [
        ("variant=b.1", True),
        ("a=1; variant=b.1", True),
        ("a=1;variant=b.1; c=2", True),
        ("variant=b.12", False),
        ("xvariant=b.1", False),
        ("variant=bx1", False),
        ("a=variant=b.1", False),
    ],
)
def test_a_cookie_is_found_among_others_and_no_other_is_taken_for_it(header, comes):
    arm = Arm("churn-b", 0, cookie=("variant", "b.1"))
    (match,) = drawn(replace(split(("churn", 100)), arms=(arm,)))["spec"]["rules"][0]["matches"]
    (wanted,) = match["headers"]
    assert (wanted["type"], wanted["name"]) == ("RegularExpression", "Cookie")
    assert bool(re.fullmatch(wanted["value"], header)) is bool(re.search(wanted["value"], header)) is comes
