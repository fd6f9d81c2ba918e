"""What the gateways of the platform take: hostnames by its patterns, and what they are known to do."""

from dataclasses import replace

import pytest
from tests.fakes.builders import deployment
from tests.fakes.stages import PUBLIC

from lockgate.errors import InvalidSpec
from lockgate.gateways.known import KNOWN, Features, features_of
from lockgate.gateways.offered import Gateway, gateway_of

OFFERED = replace(PUBLIC, hostnames=("*.{namespace}.models.example.com", "models.example.com"))


def asking(*hostnames: str, **spec: object):
    return deployment(traffic={"gateway": "public", "hostnames": list(hostnames)}, **spec)


def test_without_traffic_there_is_no_gateway():
    assert gateway_of({}, deployment()) is None
    assert gateway_of({"public": PUBLIC}, deployment(traffic={"gateway": "public"})) is PUBLIC


@pytest.mark.parametrize(
    ("offered", "words"),
    [({}, "it offers none"), ({"b": PUBLIC, "a": PUBLIC}, "write one of a and b")],
)
def test_a_gateway_that_is_not_offered_is_told_with_those_that_are(offered, words):
    with pytest.raises(InvalidSpec, match=f"spec.traffic.gateway is public, which .*; {words}"):
        gateway_of(offered, deployment(traffic={"gateway": "public"}))


def test_who_names_no_host_gets_the_one_that_the_platform_makes():
    assert OFFERED.hostnames_of(asking()) == ("churn.growth.models.example.com",)


def test_where_the_platform_makes_none_a_host_must_be_named():
    bare = replace(OFFERED, hostname="")
    with pytest.raises(InvalidSpec, match="must name a host, since gateway public makes no names itself"):
        bare.hostnames_of(asking())
    assert bare.hostnames_of(asking("models.example.com")) == ("models.example.com",)


def test_a_name_that_is_made_too_long_is_told():
    long = replace(OFFERED, hostname="{name}-and-" + "x" * 60 + ".example.com")
    with pytest.raises(InvalidSpec, match=r"must name a host: churn-and-x+.example.com, .*, is too long"):
        long.hostnames_of(asking())


@pytest.mark.parametrize(
    "host",
    [
        "churn.growth.models.example.com",  # made for it
        "a.growth.models.example.com",
        "a.b.growth.models.example.com",
        "models.example.com",
    ],
)
def test_a_host_may_be_one_that_a_pattern_allows(host):
    assert OFFERED.hostnames_of(asking(host)) == (host,)


@pytest.mark.parametrize(
    "host",
    [
        "churn.risk.models.example.com",  # of another namespace
        "growth.models.example.com",
        "evilgrowth.models.example.com",
        "example.com",
        "models.example.com.evil.com",
    ],
)
def test_every_other_host_is_refused_with_what_is_allowed(host):
    with pytest.raises(InvalidSpec) as refused:
        OFFERED.hostnames_of(asking("models.example.com", host))
    assert refused.value.path == "spec.traffic.hostnames"
    assert f"{host}, which gateway public is not for" in refused.value.message
    assert "*.growth.models.example.com" in refused.value.message


@pytest.mark.parametrize(
    "host", ["*.growth.models.example.com", "A.growth.models.example.com", "a..b", "-a.b"]
)
def test_what_is_no_name_of_a_host_is_refused(host):
    with pytest.raises(InvalidSpec, match="is not the name of a host"):
        OFFERED.hostnames_of(asking(host))


def test_where_no_pattern_is_given_only_the_name_that_is_made_may_be_named():
    assert PUBLIC.hostnames_of(asking("churn.growth.models.example.com"))
    with pytest.raises(InvalidSpec):
        PUBLIC.hostnames_of(asking("churn2.growth.models.example.com"))


SHADOW, PART = {"shadow": {"mirror": 100}}, {"shadow": {"mirror": 30}}
MATCH = {"canary": {"steps": [{"weight": 1}, {"weight": 5, "match": [{"name": "x", "value": "y"}]}]}}
COPY = {"canary": {"steps": [{"weight": 0, "mirror": 100}]}}
NOTHING = Features(match=False)
ALL = Features(mirror=True)


@pytest.mark.parametrize(
    ("strategy", "features", "path"),
    [
        (SHADOW, NOTHING, "spec.strategy.shadow.mirror"),
        (PART, ALL, "spec.strategy.shadow.mirror"),
        (MATCH, NOTHING, "spec.strategy.canary.steps[1].match"),
        (COPY, NOTHING, "spec.strategy.canary.steps[0].mirror"),
    ],
)
def test_what_a_gateway_cannot_do_is_refused_by_field(strategy, features, path):
    asked = asking(strategy=strategy)
    with pytest.raises(InvalidSpec) as refused:
        replace(PUBLIC, features=features).check_strategy(asked)
    assert refused.value.path == path
    PUBLIC.check_strategy(asked)


@pytest.mark.parametrize(
    "strategy", [{"rolling": {}}, {"blueGreen": {}}, {"canary": {"steps": [{"weight": 5}]}}]
)
def test_weights_alone_every_gateway_can(strategy):
    replace(PUBLIC, features=NOTHING).check_strategy(asking(strategy=strategy))


def test_of_an_unknown_gateway_no_copies_are_asked():
    assert features_of("example.com/new") == features_of("") == Features(match=True)
    assert Gateway(name="x", namespace="y", gateway="z").features == Features(match=True)


def test_what_is_known_of_controllers_is_of_one_piece():
    assert all("/" in controller for controller in KNOWN)
    assert all(features.mirror or not features.percent_mirror for features in KNOWN.values())
    assert not features_of("traefik.io/gateway-controller").mirror, "it accepts them and serves errors"
