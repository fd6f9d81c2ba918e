"""The seventh act: a gateway, a Prometheus, and a crowd that asks through the gateway."""

from __future__ import annotations

from lockgate_sandbox.crowds import Target
from lockgate_sandbox.demo.stage import HOST, Stage
from lockgate_sandbox.demo.values import measuring, offering
from lockgate_sandbox.inference import inference_path
from lockgate_sandbox.parts import crowd, gateway_envoy, lockgate, prometheus
from lockgate_sandbox.parts.models import MODEL
from lockgate_sandbox.source import EXAMPLES, REPOSITORY

_EXAMPLE = EXAMPLES / "canary.yaml"
_REQUESTS_A_SECOND = 40.0


def play(stage: Stage) -> None:
    """The same model moves behind the gateway, and no pod is replaced for that."""
    screen, world = stage.screen, stage.world
    screen.title("7. The platform team brings a gateway and a Prometheus, and the author asks for a canary")
    with screen.step("installing Envoy Gateway, and the Envoy that it runs"):
        gateway = world.add(gateway_envoy.PART)
    with screen.step("installing Prometheus"):
        metrics = world.add(prometheus.PART)
    with screen.step("telling Lockgate of both, by helm"):
        world.add(lockgate.PART).upgrade(*offering(gateway), *measuring(metrics))
    screen.say(f"kubectl apply -f {_EXAMPLE.relative_to(REPOSITORY)}")
    for line in _EXAMPLE.read_text().partition("spec:\n")[2].splitlines():
        screen.say(f"    {line}")
    stage.deploy(_EXAMPLE)
    with screen.step("waiting until the gateway serves its route"):
        stage.wait_until_routed()
    target = Target(f"{gateway.inner_url}{inference_path(MODEL)}", host=HOST, rate=_REQUESTS_A_SECOND)
    with screen.step(f"{target.rate:g} requests a second come through the gateway from now on"):
        stage.crowd = world.add(crowd.PART).start("demo", target)
