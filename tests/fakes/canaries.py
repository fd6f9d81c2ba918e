"""A rollout of v2 over v1, each in a workload of its own, for tests of one call of the planner."""

from dataclasses import replace
from datetime import timedelta

from tests.fakes.builders import T0, deployment
from tests.fakes.facts import pod, release, workload

from lockgate.api.analysis import Analysis, Metric, Query
from lockgate.api.shares import Role
from lockgate.api.status import ModelDeploymentStatus, RolloutState, Trigger
from lockgate.api.strategy import Canary, CanaryStep, Pause, Traffic
from lockgate.domain.observed import Observed, RouteFacts, Target
from lockgate.domain.plan import Track
from lockgate.domain.split import TrafficSplit
from lockgate.plan.planner import plan_rollout

V1, V2, V3 = release(1), release(2), release(3)
OLD, NEW = "churn-00000001", "churn-00000002"
MINUTE = timedelta(minutes=1)
LATER = T0 + 30 * MINUTE
CANARY = Canary(
    steps=(
        CanaryStep(weight=10, pause=Pause(duration=5 * MINUTE)),
        CanaryStep(weight=25, pause=Pause()),
        CanaryStep(weight=50),
    )
)
GOING = RolloutState(stable=V1, candidate=V2, started_at=T0, progressed_at=T0, trigger=Trigger.ALIAS_MOVED)
GATEWAY = Traffic(gateway="public")


MEASURED = Analysis(metrics=(Metric(name="errors", query=Query.ERRORS, max=0.01),))


def known(state, *, strategy=CANARY, traffic=GATEWAY, request="", last=None, analysis=None, **spec):
    status = ModelDeploymentStatus(observed_generation=1, rollout=state, last_request=last)
    asked = deployment(**({"replicas": 4} | spec))
    return replace(
        asked, status=status, strategy=strategy, traffic=traffic, request=request, analysis=analysis
    )


def planned(asked, observed, now=LATER, wanted=V2, **more):
    return plan_rollout(asked, Target(revision=wanted, pinned=False), observed, now, **more)


def to(stable, candidate, **special):
    weights = ((OLD, stable), (NEW, candidate))
    return TrafficSplit(weights=weights, special=NEW if special else None, **special)


def there(old=4, new=0, *, split=None, served=None, front=OLD, **more):
    """Both releases in workloads of their own, all of their pods available, and a route that is served."""
    others = [workload(V1, old, name=OLD)] if old is not None else []
    others += [workload(V2, new, name=NEW)] if new is not None else []
    pods = tuple(pod(V2, f"p{number}") for number in range(new or 0))
    route = RouteFacts(written=split, served=split if served is None else served) if split else None
    return Observed(**({"others": tuple(others), "pods": pods, "route": route, "front": front} | more))


ALL_NEW = TrafficSplit(weights=((NEW, 100),))


def tracks(old, new):
    return (
        Track(role=Role.STABLE, release=V1, workload=OLD, replicas=old),
        Track(role=Role.CANDIDATE, release=V2, workload=NEW, replicas=new),
    )
