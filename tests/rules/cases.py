"""Series under which each alert fires, and series under which it is silent, as promtool tests them.

Time begins at 0 and a value is scraped each minute. A series is written as in promtool's files: `1x90` is
ninety-one times 1, `_x5` is five scrapes without one, and `stale` says that it is gone.
"""

from dataclasses import dataclass, field

CHURN = 'namespace="growth",name="churn"'
PROGRESS = f"lockgate_rollout_progress_timestamp_seconds{{{CHURN}}}"
MOVED = f"lockgate_alias_moved_timestamp_seconds{{{CHURN}}}"
STEP = f"lockgate_rollout_step{{{CHURN}}}"
STABLE = f'lockgate_modeldeployment_release_info{{{CHURN},track="stable",release="00000001",version="v1"}}'
OF_CHURN = {"namespace": "growth", "name": "churn"}


def condition(type_: str, pod: str = "a") -> str:
    """A condition, as one pod of the operator tells it."""
    return f'lockgate_modeldeployment_condition{{{CHURN},type="{type_}",pod="{pod}"}}'


def state(reason: str, phase: str = "RollingOut") -> str:
    """The state with its reason."""
    return f'lockgate_modeldeployment_state{{{CHURN},phase="{phase}",reason="{reason}"}}'


def look_ups(outcome: str, source: str = "default") -> str:
    """Look-ups of a registry."""
    labels = f'source="{source}",operation="look_up",outcome="{outcome}"'
    return f"lockgate_registry_requests_total{{{labels}}}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is scraped, when one looks, and the labels of what fires then beside the severity; none: silence.

    `value` is what the description says of the value, where it does.
    """

    says: str
    series: dict[str, str]
    minutes: int
    fires: tuple[dict[str, str], ...] = ()
    value: str = field(default="")


CASES: dict[str, tuple[Case, ...]] = {
    "LockgateModelUnavailable": (
        Case(
            says="too few replicas for six minutes",
            series={condition("Available"): "1x3 0x20", STABLE: "1x30"},
            minutes=12,
            fires=(OF_CHURN,),
        ),
        Case(
            says="too few replicas for three minutes so far",
            series={condition("Available"): "1x3 0x20", STABLE: "1x30"},
            minutes=7,
        ),
        Case(
            says="a first version that has yet to come up",
            series={condition("Available"): "0x30"},
            minutes=20,
        ),
    ),
    "LockgateModelDeploymentNotReady": (
        Case(
            says="not ready for a quarter of an hour",
            series={condition("Ready"): "0x30", state("InvalidSpec", "Degraded"): "1x30"},
            minutes=15,
            fires=(OF_CHURN,),
        ),
        Case(
            says="not ready, also across a restart of the operator",
            series={
                condition("Ready", "a"): "0x7 stale",
                condition("Ready", "b"): "_x7 0x30",
                state("NotOwned", "Degraded"): "1x30",
            },
            minutes=15,
            fires=(OF_CHURN,),
        ),
        Case(says="a rollout under way", series={condition("Ready"): "-1x30"}, minutes=20),
        Case(
            says="not ready for a few minutes so far",
            series={condition("Ready"): "0x30", state("InvalidSpec", "Degraded"): "1x30"},
            minutes=7,
        ),
        Case(
            says="an aborted rollout, of which another alert tells",
            series={condition("Ready"): "0x30", state("RolloutAborted", "Degraded"): "1x30"},
            minutes=20,
        ),
        Case(
            says="a person holds it",
            series={condition("Ready"): "0x30", state("Suspended", "Suspended"): "1x30"},
            minutes=20,
        ),
    ),
    "LockgateRolloutStuck": (
        Case(
            says="the gateway has not taken over for more than an hour",
            series={PROGRESS: "0x120", state("RollingOut"): "1x120"},
            minutes=70,
            fires=({**OF_CHURN, "reason": "RollingOut"},),
            value="1h 10m 0s",
        ),
        Case(
            says="nobody has approved for more than a day",
            series={PROGRESS: "0x1500", state("WaitingForApproval"): "1x1500"},
            minutes=1450,
            fires=({**OF_CHURN, "reason": "WaitingForApproval"},),
            value="1d 0h 10m 0s",
        ),
        Case(
            says="it waits for an approval since this morning",
            series={PROGRESS: "0x600", state("WaitingForApproval"): "1x600"},
            minutes=500,
        ),
        Case(
            says="its author holds the step for hours",
            series={PROGRESS: "0x600", state("StepHeld"): "1x600"},
            minutes=500,
        ),
        Case(
            says="it came further half an hour ago",
            series={PROGRESS: "3600x120", state("RollingOut"): "1x120"},
            minutes=90,
        ),
    ),
    "LockgateRolloutAborted": (
        Case(
            says="a rollout was aborted",
            series={
                state("RolledOut", "Serving"): "1x5 stale",
                state("RolloutAborted", "Degraded"): "_x5 1x30",
            },
            minutes=8,
            fires=(OF_CHURN,),
        ),
        Case(
            says="it was aborted, and another version is rolled out by now",
            series={state("RolloutAborted", "Degraded"): "1x5 stale", state("RollingOut"): "_x5 1x30"},
            minutes=8,
        ),
    ),
    "LockgateAliasNotServed": (
        Case(
            says="it moved forty minutes ago, and nothing is rolled out",
            series={MOVED: "0x60", state("RuntimeNotFound", "Serving"): "1x60"},
            minutes=40,
            fires=(OF_CHURN,),
            value="40m 0s",
        ),
        Case(
            says="for more than a day, whatever the reason",
            series={MOVED: "0x1500", state("Suspended", "Suspended"): "1x1500"},
            minutes=1450,
            fires=(OF_CHURN,),
            value="1d 0h 10m 0s",
        ),
        Case(
            says="it is being rolled out",
            series={MOVED: "0x60", STEP: "1x60", state("RollingOut"): "1x60"},
            minutes=50,
        ),
        Case(
            says="it waits for as long as its author asked for",
            series={MOVED: "0x60", state("Settling"): "1x60"},
            minutes=50,
        ),
        Case(
            says="it was aborted, of which another alert tells",
            series={MOVED: "0x60", state("RolloutAborted", "Degraded"): "1x60"},
            minutes=50,
        ),
        Case(
            says="it is served since",
            series={MOVED: "0x20 stale", state("RolledOut", "Serving"): "1x80"},
            minutes=60,
        ),
    ),
    "LockgateAnalysisInconclusive": (
        Case(
            says="for forty minutes",
            series={state("AnalysisInconclusive"): "1x60"},
            minutes=40,
            fires=(OF_CHURN,),
        ),
        Case(
            says="for ten minutes",
            series={state("AnalysisInconclusive"): "1x60"},
            minutes=10,
        ),
    ),
    "LockgateOperatorDown": (
        Case(
            says="it went away",
            series={'lockgate_build_info{version="0.1.0"}': "1x5 stale"},
            minutes=30,
            fires=({},),
        ),
        Case(
            says="it was restarted",
            series={
                'lockgate_build_info{version="0.1.0",pod="a"}': "1x5 stale",
                'lockgate_build_info{version="0.1.0",pod="b"}': "_x8 1x60",
            },
            minutes=30,
        ),
    ),
    "LockgateOperatorNotWatching": (
        Case(
            says="some kind is silent",
            series={"lockgate_watch_silent_seconds": "0+60x30"},
            minutes=10,
            fires=({},),
        ),
        Case(
            says="a namespace cannot be listed",
            series={
                'lockgate_namespace_watchable{namespace="growth"}': "0x30",
                'lockgate_namespace_watchable{namespace="risk"}': "1x30",
            },
            minutes=10,
            fires=({"namespace": "growth"},),
        ),
        Case(
            says="all is heard",
            series={
                "lockgate_watch_silent_seconds": "60x30",
                'lockgate_namespace_watchable{namespace="growth"}': "0 1x30",
            },
            minutes=10,
        ),
    ),
    "LockgateRegistryUnavailable": (
        Case(
            says="one of two registries answers nothing",
            series={
                look_ups("ok", "eu"): "10x60",
                look_ups("RegistryUnavailable", "eu"): "0+1x60",
                look_ups("ok"): "0+1x60",
            },
            minutes=30,
            fires=({"source": "eu"},),
        ),
        Case(
            says="it never answered",
            series={look_ups("RegistryUnavailable"): "0+1x60"},
            minutes=30,
            fires=({"source": "default"},),
        ),
        Case(
            says="some look-ups fail and others are answered",
            series={look_ups("ok"): "0+1x60", look_ups("RegistryUnavailable"): "0x20 1 2 3x60"},
            minutes=30,
        ),
        Case(
            says="it is not asked at all",
            series={look_ups("ok"): "10x60", look_ups("RegistryUnavailable"): "3x60"},
            minutes=30,
        ),
    ),
    "LockgateEventsDropped": (
        Case(
            says="some were dropped",
            series={"lockgate_events_dropped_total": "0x10 30x60"},
            minutes=20,
            fires=({},),
            value="30",
        ),
        Case(says="none was dropped", series={"lockgate_events_dropped_total": "30x60"}, minutes=40),
    ),
}
