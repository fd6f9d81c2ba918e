"""The one workload of a plan, and its children as a release that begins writes them, pod template and all."""

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.backends.deployment.render import render_children
from lockgate.backends.deployment.template import render_template
from lockgate.backends.settings import PodSettings
from lockgate.domain.plan import Plan, Track
from lockgate.domain.resources import Object


def track_of(plan: Plan) -> Track | None:
    """The only track of a plan; None when nothing is to be touched."""
    if plan.stage is None:
        return None
    (track,) = plan.stage.tracks
    return track


def drawn(
    deployment: ModelDeployment, runtime: ModelRuntime, plan: Plan, pods: PodSettings
) -> tuple[Object, Object]:
    """Deployment and Service."""
    track = track_of(plan)
    assert plan.stage is not None
    assert track is not None
    template = render_template(deployment, runtime, track.release, pods)
    workload, service = render_children(deployment, plan.stage)
    return workload.whole(template), service.obj
