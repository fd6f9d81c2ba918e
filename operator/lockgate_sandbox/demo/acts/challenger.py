"""The tenth act: a challenger by an alias of its own shares the traffic, and is replaced alone."""

from __future__ import annotations

from functools import partial

from lockgate_sandbox.crowds import Target
from lockgate_sandbox.demo.stage import ALIAS, COLLECTION, HOST, Stage
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.inference import inference_path
from lockgate_sandbox.parts import crowd, gateway_envoy, lockgate, models, registry
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.source import EXAMPLES, REPOSITORY
from lockgate_sandbox.training import train
from lockgate_sandbox.waiting import until

_EXAMPLE = EXAMPLES / "variants.yaml"
_CHALLENGER = "challenger"
_ARM = f"{MODEL}-{_CHALLENGER}"
_CHAMPION, _FIRST, _NEXT = "v1", "v0", "v3"
# Of so many answers an arm with 20 percent has so many points more or less once in a thousand times.
_ANSWERS, _POINTS = 500, 0.06
_LOYAL_ANSWERS = 100


def play(stage: Stage) -> None:
    """Two aliases are all that an A/B test needs."""
    screen, following = stage.screen, stage.world.add(registry.PART)
    screen.title(f"10. Champion and challenger: kubectl apply -f {_EXAMPLE.relative_to(REPOSITORY)}")
    for line in _EXAMPLE.read_text().partition("spec:\n")[2].splitlines():
        screen.say(f"    {line}")
    following.promote(COLLECTION, _CHAMPION, ALIAS)
    following.promote(COLLECTION, _FIRST, _CHALLENGER)
    stage.deploy(_EXAMPLE)
    with screen.step(f"waiting until {_ARM} answers"):
        until("the challenger has its part", partial(_shares, stage, _FIRST))
    _show(stage, _FIRST)
    champion = stage.world.add(models.PART).pods(MODEL)
    trained = train("v2", stage.scratch / "next", seed=8)
    following.seed(stage.scratch / "next", COLLECTION, trained.metadata)
    screen.say(f"  the alias {_CHALLENGER} moves from {_FIRST} to {_NEXT}")
    following.promote(COLLECTION, _NEXT, _CHALLENGER)
    with screen.step(f"waiting until {_ARM} serves {_NEXT}"):
        until("the next challenger has its part", partial(_shares, stage, _NEXT))
    _show(stage, _NEXT)
    _stick(stage)
    if stage.world.add(models.PART).pods(MODEL) != champion:
        raise SandboxError("the challenger was replaced, and pods of the champion with it")
    screen.good(f"the {len(champion)} pods of the champion are those of before")
    stage.check_crowd()


def _shares(stage: Stage, version: str) -> bool:
    """Whether the challenger's version is out, and the gateway sends it what it is to get."""
    operator = stage.world.add(lockgate.PART)
    whole = {"stable": 80}
    is_out = operator.says(NAMESPACE, _ARM).serves(version)
    return is_out and operator.says(NAMESPACE, MODEL).traffic == whole


def _stick(stage: Stage) -> None:
    """Whoever has the cookie is answered by the challenger alone."""
    gateway = stage.world.add(gateway_envoy.PART)
    url, cookie = f"{gateway.inner_url}{inference_path(MODEL)}", "session=1; variant=challenger"
    target = Target(url, host=HOST, headers={"Cookie": cookie})
    loyal = stage.world.add(crowd.PART).start("loyal", target)
    with stage.screen.step(f"counting answers to {cookie}"):
        shares = loyal.shares(_LOYAL_ANSWERS)
    loyal.stop()
    if set(shares) != {_NEXT}:
        raise SandboxError(
            f"who has the cookie was to be answered by {_NEXT} alone; these answered: {shares}"
        )
    stage.screen.good(f"who has the cookie variant=challenger is answered by {_NEXT} alone")


def _show(stage: Stage, challenger: str) -> None:
    assert stage.crowd is not None
    with stage.screen.step(f"counting {_ANSWERS} answers"):
        shares = stage.crowd.shares(_ANSWERS)
    told = ", ".join(f"{version} {share:.0%}" for version, share in sorted(shares.items()))
    if set(shares) != {_CHAMPION, challenger} or abs(shares[challenger] - 0.2) > _POINTS:
        raise SandboxError(f"the challenger was to get 20 % of the answers; they were {told}")
    stage.screen.good(f"of {_ANSWERS} answers: {told}")
