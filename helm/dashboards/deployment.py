"""The dashboard of one ModelDeployment: its versions side by side, through the steps of a rollout.

What Lockgate knows comes from its own metrics; requests, errors and latency come from the model servers,
whose metrics are those of docs/examples/runtime-onnx.yaml unless a name is put in for others.
"""

from typing import Final

from helm.dashboards.boards import Dashboard, choice, data_source, mark, text
from helm.dashboards.fleet import DETAIL, OUTCOMES, UID
from helm.dashboards.grafana import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    RED,
    Ask,
    Json,
    Panel,
    colored,
    column,
    link,
    stat,
    table,
    timeline,
    timeseries,
)

WANDB: Final = "https://wandb.ai/orgs/ORGANIZATION"
"""Where the pages of versions are; the chart puts the organization of its values in."""
_IT: Final = 'namespace="$namespace",name="$name"'
_SERVERS: Final = 'namespace="$namespace",model_deployment="$name"'
_NAMED: Final = f"* on (release) group_left (track, version) lockgate_modeldeployment_release_info{{{_IT}}}"
_TRACKS: Final = (colored("stable", BLUE), colored("candidate", AMBER), colored("previous", GREY))
_REASONS: Final = (
    colored("RolledOut", GREEN),
    colored("RollingOut", BLUE),
    colored("Analysis(Running)", AMBER),
    colored("StepHeld", AMBER),
    colored("WaitingForApproval", PURPLE),
    colored("AnalysisInconclusive", RED),
    colored("RolloutAborted", RED),
    colored("Suspended", GREY),
)
# As older and as newer releases of Grafana call it.
_HIDDEN: Final = {
    "custom__hidden": True,
    "custom__hideFrom": {"viz": True, "legend": False, "tooltip": False},
}


def _ask(expr: str, legend: str = "") -> Ask:
    return Ask(expr=expr, legend=legend)


def _now() -> list[Panel]:
    release = f"lockgate_modeldeployment_release_info{{{_IT}"
    return [
        stat(
            "Stands",
            [_ask(f"lockgate_modeldeployment_state{{{_IT}}}", "{{phase}}: {{reason}}")],
            description="Its phase, and why.",
            w=6,
            names=True,
            none="unknown",
        ),
        stat(
            "Serves by default",
            [_ask(f'{release},track="stable"}}', "{{version}}")],
            description="The version of the stable release.",
            w=3,
            names=True,
            none="nothing yet",
        ),
        stat(
            "Candidate",
            [_ask(f'{release},track="candidate"}}', "{{version}}")],
            description="The version that is being rolled out.",
            w=3,
            steps=((None, AMBER),),
            names=True,
            none="none",
        ),
        stat(
            "Step",
            [
                _ask(f"lockgate_rollout_step{{{_IT}}}", "step"),
                _ask(f"lockgate_rollout_steps{{{_IT}}}", "of"),
            ],
            description="Where the rollout is.",
            w=4,
            none="at rest",
        ),
        stat(
            "Candidate's traffic",
            [_ask(f'lockgate_modeldeployment_traffic_weight{{{_IT},track="candidate"}}')],
            description="As it was read back from the gateway.",
            w=4,
            unit="percent",
            steps=((None, AMBER),),
            none="none",
        ),
        stat(
            "No further for",
            [_ask(f"time() - lockgate_rollout_progress_timestamp_seconds{{{_IT}}}")],
            description="Since the candidate last came further, or its step was reached.",
            w=4,
            unit="s",
            none="at rest",
            decimals=0,
        ),
    ]


def _course() -> list[Panel]:
    return [
        timeline(
            "What it did and waited for",
            [_ask(f"max by (reason) (lockgate_modeldeployment_state{{{_IT}}})", "{{reason}}")],
            description="The reason of its condition Ready, over time.",
            w=24,
            h=6,
            colors=_REASONS,
        ),
        timeseries(
            "Traffic by track",
            [_ask(f"lockgate_modeldeployment_traffic_weight{{{_IT}}}", "{{track}}")],
            description="Percent, as it was read back; nothing while no route tells the pods apart.",
            w=8,
            h=7,
            unit="percent",
            colors=_TRACKS,
            stacked=True,
            stepped=True,
            most=100,
        ),
        timeseries(
            "Step of the rollout",
            [
                _ask(f"lockgate_rollout_step{{{_IT}}}", "step"),
                _ask(f"lockgate_rollout_steps{{{_IT}}}", "steps"),
            ],
            description="Nothing while none is under way.",
            w=8,
            h=7,
            colors=[
                colored("step$", AMBER),
                colored("steps$", GREY, lineStyle={"fill": "dash", "dash": [6, 6]}, fillOpacity=0),
            ],
            stepped=True,
        ),
        timeseries(
            "Measurements in the present step",
            [
                _ask(
                    f"sum by (verdict) (lockgate_analysis_measurements{{{_IT}}})",
                    "{{verdict}}",
                )
            ],
            description="Of all metrics together, by verdict; they are counted anew in each step.",
            w=8,
            h=7,
            colors=[
                colored("passed", GREEN),
                colored("failed", RED),
                colored("inconclusive", PURPLE),
                colored("missed", GREY),
            ],
            stepped=True,
        ),
    ]


def _side_by_side() -> list[Panel]:
    def by_release(metric: str) -> str:
        return f"sum by (release) (rate({metric}{{{_SERVERS}}}[$__rate_interval]))"

    requests, failures = by_release("${requests}_count"), by_release("${failures}")
    buckets = f"sum by (le, release) (rate(${{requests}}_bucket{{{_SERVERS}}}[$__rate_interval]))"
    legend = "{{track}} {{version}}"
    return [
        timeseries(
            "Requests",
            [_ask(f"{requests} {_NAMED}", legend)],
            description="Requests a second that the pods of each release answered, by their own count.",
            w=8,
            unit="reqps",
            colors=_TRACKS,
        ),
        timeseries(
            "Errors",
            [_ask(f"{failures} / on (release) ({requests} > 0) {_NAMED}", legend)],
            description="Part of the requests that failed through no fault of the client.",
            w=8,
            unit="percentunit",
            colors=_TRACKS,
        ),
        timeseries(
            "Latency",
            [_ask(f"histogram_quantile(0.99, {buckets}) {_NAMED}", legend)],
            description="Within this time 99 of 100 requests were answered.",
            w=8,
            unit="s",
            colors=_TRACKS,
        ),
    ]


def _analysis() -> list[Panel]:
    one = f'{_IT},metric="$metric"'
    dashed = {"lineStyle": {"fill": "dash", "dash": [10, 6]}, "fillOpacity": 0}
    return [
        timeseries(
            "Analysis: $metric",
            [
                _ask(f"lockgate_analysis_value{{{one}}}", "measured"),
                _ask(f"lockgate_analysis_bound{{{one}}}", "{{bound}}"),
            ],
            description="What was measured of the candidate, and the bounds that it has to keep.",
            w=24,
            colors=[colored("measured", AMBER), colored("min", RED, **dashed), colored("max", RED, **dashed)],
            repeat="metric",
        ),
    ]


def _past() -> list[Panel]:
    uri = r"wandb://([^/]+)/(wandb-registry-)?([^/]+)/([^:]+):.*"
    release = f"lockgate_modeldeployment_release_info{{{_IT}}}"
    path = "$1/$2$3/$4"
    placed = f'label_replace({release}, "path", "{path}", "uri", "{uri}")'
    page = (
        "${wandb}/registry/${__data.fields.registry}?selectionPath=${__data.fields.path:percentencode}"
        "&view=membership&version=${__data.fields.version}"
    )
    return [
        table(
            "Releases",
            [
                _ask(
                    "max by (track, version, release, uri, registry, path) "
                    f'(label_replace({placed}, "registry", "$3", "uri", "{uri}"))'
                )
            ],
            description="The version is a link to its page in W&B, which names the run that made it.",
            w=16,
            h=6,
            columns={
                "track": "track",
                "version": "version",
                "release": "release",
                "uri": "name for ever",
                "registry": "registry",
                "path": "path",
            },
            looks=[
                column("version", links=[link("Version and run in W&B", page) | {"targetBlank": True}]),
                *(column(name, **_HIDDEN) for name in ("registry", "path")),
            ],
            sort="track",
            down=True,
        ),
        timeseries(
            "Rollouts that ended",
            [
                _ask(
                    f"round(sum by (outcome) (increase(lockgate_rollouts_total{{{_IT}}}[$__rate_interval])))",
                    "{{outcome}}",
                )
            ],
            description="By how they ended.",
            w=8,
            h=6,
            colors=OUTCOMES,
            stacked=True,
            bars=True,
            interval="5m",
        ),
    ]


def _marks() -> list[Json]:
    started = f"lockgate_rollout_started_timestamp_seconds{{{_IT}}} * 1000"

    def ended(outcome: str) -> str:
        # increase() would miss what falls between two of its windows, at one scrape a minute all of it.
        count = f'lockgate_rollouts_total{{{_IT},outcome="{outcome}"}}'
        return f"{count} - {count} offset 1m > 0"

    return [
        mark("Rollout started", started, BLUE, "rollout started", at_value=True),
        mark("Promoted", ended("Promoted"), GREEN, "promoted"),
        mark("Aborted", ended("Aborted"), RED, "aborted"),
        mark("Superseded", ended("Superseded"), GREY, "superseded"),
    ]


def deployment() -> Dashboard:
    """The dashboard."""
    of_servers = "Name of the model servers' "
    return Dashboard(
        uid=DETAIL,
        title="Lockgate / One deployment",
        description="The versions of one ModelDeployment side by side, and where its rollout is.",
        rows=[
            ("Now", _now()),
            ("The rollout", _course()),
            ("Versions side by side", _side_by_side()),
            ("Analysis", _analysis()),
            ("Releases and what became of them", _past()),
        ],
        variables=[
            data_source(),
            choice("namespace", "Namespace", "label_values(lockgate_modeldeployment_info, namespace)"),
            choice(
                "name", "Name", 'label_values(lockgate_modeldeployment_info{namespace="$namespace"}, name)'
            ),
            choice(
                "metric",
                "Metric",
                f"label_values(lockgate_analysis_value{{{_IT}}}, metric)",
                many=True,
                hidden=True,
            ),
            text(
                "requests",
                "Histogram of requests",
                "modelserver_request_duration_seconds",
                f"{of_servers}histogram of request durations in seconds, without _bucket or _count.",
            ),
            text(
                "failures",
                "Counter of failures",
                "modelserver_failures_total",
                f"{of_servers}counter of requests that failed through no fault of the client.",
            ),
            text("wandb", "W&B", WANDB, "Address of the organization's pages in W&B."),
        ],
        marks=_marks(),
        links=[
            {
                "title": "Fleet",
                "type": "link",
                "url": f"/d/{UID}",
                "icon": "dashboard",
                "includeVars": False,
                "keepTime": True,
                "targetBlank": False,
                "asDropdown": False,
                "tags": [],
                "tooltip": "",
            }
        ],
        since="now-1h",
    )
