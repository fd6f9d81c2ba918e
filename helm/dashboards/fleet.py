"""The dashboard of the fleet: what is live where, what rolls out, what is stuck and why, and how Lockgate is.

It asks Lockgate's own metrics alone (`lockgate/telemetry/table.py`).
"""

from typing import Final

from helm.dashboards.boards import Dashboard, choice, data_source
from helm.dashboards.grafana import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    RED,
    Ask,
    Panel,
    colored,
    column,
    link,
    stat,
    table,
    timeseries,
    words,
)
from helm.dashboards.health import doors, operator, or_zero

UID: Final = "lockgate-fleet"
DETAIL: Final = "lockgate-deployment"
_OURS: Final = 'namespace=~"$namespace"'
_STATE: Final = f"lockgate_modeldeployment_state{{{_OURS}}}"
_OF_ONE: Final = "on (namespace, name)"
_TO_DETAIL: Final = link(
    "Show this deployment",
    f"/d/{DETAIL}?var-namespace=${{__data.fields.namespace}}&var-name=${{__data.fields.name}}&${{datasource:queryparam}}",
)
PHASES: Final = {
    "Serving": GREEN,
    "RollingOut": BLUE,
    "Pending": GREY,
    "Suspended": PURPLE,
    "Degraded": AMBER,
    "Failed": RED,
}
OUTCOMES: Final = (colored("Promoted", GREEN), colored("Aborted", RED), colored("Superseded", GREY))


def _only(expr: str, *labels: str) -> str:
    """The same with these labels alone beside those of a deployment, whatever a scrape adds to them."""
    return f"max by ({', '.join(('namespace', 'name', *labels))}) ({expr})"


def _ask(expr: str, legend: str = "") -> Ask:
    return Ask(expr=expr, legend=legend)


def _at_a_glance() -> list[Panel]:
    lookups = 'lockgate_registry_requests_total{operation="look_up"'
    return [
        stat(
            "ModelDeployments",
            [_ask(or_zero(f"count(lockgate_modeldeployment_info{{{_OURS}}})"))],
            description="How many there are.",
            w=4,
        ),
        stat(
            "Available",
            [
                _ask(
                    f'sum(lockgate_modeldeployment_condition{{{_OURS},type="Available"}} == bool 1)'
                    f' / count(lockgate_modeldeployment_condition{{{_OURS},type="Available"}})'
                )
            ],
            description="Part of them for which enough replicas serve, of whichever version.",
            w=4,
            unit="percentunit",
            steps=((None, RED), (0.9, AMBER), (1, GREEN)),
            decimals=0,
        ),
        stat(
            "Rolling out",
            [_ask(or_zero(f"count(lockgate_rollout_step{{{_OURS}}})"))],
            description="How many have a candidate.",
            w=4,
        ),
        stat(
            "Need a person",
            [
                _ask(
                    or_zero(
                        f'count(lockgate_modeldeployment_condition{{{_OURS},type="Stalled"}} == 1'
                        f" or lockgate_modeldeployment_state{{{_OURS},"
                        'reason=~"WaitingForApproval|AnalysisInconclusive"})'
                    )
                )
            ],
            description="How many stall, wait for an approval, or have an analysis that says too little.",
            w=4,
            steps=((None, GREEN), (1, AMBER)),
        ),
        stat(
            "Aliases ahead",
            [_ask(or_zero(f"count(lockgate_alias_moved_timestamp_seconds{{{_OURS}}})"))],
            description="How many aliases mean a version that does not serve by default yet.",
            w=4,
            steps=((None, GREEN), (1, BLUE)),
        ),
        stat(
            "Registry answers",
            [_ask(f'sum(increase({lookups},outcome="ok"}}[5m])) / sum(increase({lookups}}}[5m]))')],
            description="Part of the look-ups of the last five minutes that the registries answered.",
            w=4,
            unit="percentunit",
            steps=((None, RED), (0.5, AMBER), (0.99, GREEN)),
            decimals=0,
        ),
    ]


def _live() -> Panel:
    info, release = f"lockgate_modeldeployment_info{{{_OURS}}}", "lockgate_modeldeployment_release_info"
    stood = f"{info} * {_OF_ONE} group_left (phase, reason) {_STATE}"
    served = f'* {_OF_ONE} group_left (version) {release}{{{_OURS},track="stable"}}'
    return table(
        "What is live where",
        [
            _ask(
                _only(
                    f"({stood}) {served} or {_OF_ONE} ({stood})",
                    *("version", "alias", "collection", "strategy", "backend", "phase", "reason"),
                )
            )
        ],
        description="The version that each ModelDeployment serves by default, and how it stands.",
        w=18,
        h=9,
        columns={
            "namespace": "namespace",
            "name": "name",
            "version": "serves",
            "alias": "alias",
            "collection": "model",
            "strategy": "strategy",
            "backend": "runs on",
            "phase": "phase",
            "reason": "why",
        },
        looks=[
            column("name", links=[_TO_DETAIL]),
            column("phase", mappings=words(PHASES), custom__cellOptions={"type": "color-text"}),
        ],
        sort="name",
    )


def _apart() -> Panel:
    """An alias means one version; where several serve by it, something is on its way, held or given up."""
    release = f'lockgate_modeldeployment_release_info{{{_OURS},track="stable"}}'
    info = f"lockgate_modeldeployment_info{{{_OURS}}}"
    each = (
        f"count by (collection, alias, version) ({release} * {_OF_ONE} group_left (collection, alias) {info})"
    )
    apart = f"count by (collection, alias) ({each}) > 1"
    backends = (
        f"count by (collection, alias) (count by (collection, alias, backend) ({info}))"
        f" and on (collection, alias) ({apart})"
    )
    return table(
        "Aliases served apart",
        [_ask(apart), _ask(backends)],
        description="Aliases by which more than one version serves, and on how many backends.",
        w=6,
        h=9,
        columns={
            "collection": "model",
            "alias": "alias",
            "Value #A": "versions",
            "Value #B": "backends",
        },
        sort="versions",
        down=True,
    )


def _under_way() -> Panel:
    weight = "lockgate_modeldeployment_traffic_weight"
    release = "lockgate_modeldeployment_release_info"
    return table(
        "Rollouts under way",
        [
            _ask(
                _only(
                    f"lockgate_rollout_step{{{_OURS}}} * {_OF_ONE} group_left (reason) {_STATE}"
                    f' * {_OF_ONE} group_left (version) {release}{{{_OURS},track="candidate"}}',
                    *("version", "reason"),
                )
            ),
            _ask(_only(f"lockgate_rollout_steps{{{_OURS}}}")),
            _ask(_only(f'{weight}{{{_OURS},track="candidate"}}')),
            _ask(_only(f"time() - lockgate_rollout_progress_timestamp_seconds{{{_OURS}}}")),
        ],
        description="Each candidate, its step, its part of the traffic as read back, and what it waits for.",
        w=14,
        h=6,
        columns={
            "namespace": "namespace",
            "name": "name",
            "version": "candidate",
            "Value #A": "step",
            "Value #B": "of",
            "Value #C": "traffic",
            "reason": "waits for",
            "Value #D": "for",
        },
        looks=[
            column("name", links=[_TO_DETAIL]),
            column("traffic", unit="percent"),
            column("for", unit="s", decimals=0),
        ],
        sort="for",
        down=True,
    )


def _stuck() -> Panel:
    stalled = f'lockgate_modeldeployment_condition{{{_OURS},type="Stalled"}} == 1'
    waits = 'reason=~"WaitingForApproval|AnalysisInconclusive|Suspended"'
    wait = f"lockgate_modeldeployment_state{{{_OURS},{waits}}}"
    why = f"({_STATE} and {_OF_ONE} ({stalled})) or {wait}"
    return table(
        "What is stuck, and why",
        [
            _ask(_only(why, "phase", "reason")),
            _ask(
                _only(f"time() - lockgate_alias_moved_timestamp_seconds{{{_OURS}}}")
                + f" and {_OF_ONE} ({why})"
            ),
        ],
        description="What goes on only when a person acts, and for how long its alias has been ahead.",
        w=10,
        h=6,
        columns={
            "namespace": "namespace",
            "name": "name",
            "phase": "phase",
            "reason": "why",
            "Value #B": "alias ahead for",
        },
        looks=[
            column("name", links=[_TO_DETAIL]),
            column("phase", mappings=words(PHASES), custom__cellOptions={"type": "color-text"}),
            column("alias ahead for", unit="s", decimals=0),
        ],
        sort="why",
    )


def _quantile(share: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (increase({metric}_bucket[$__range])))"


def _outcomes() -> list[Panel]:
    ended, held = "lockgate_rollout_duration_seconds", "lockgate_rollout_held_seconds"
    serving = "lockgate_alias_to_serving_seconds"
    longest = f"time() - min(lockgate_alias_moved_timestamp_seconds{{{_OURS}}})"
    count = f"sum by (strategy) (increase({ended}_count"
    return [
        timeseries(
            "Rollouts that ended",
            [
                _ask(
                    "round(sum by (outcome)"
                    f" (increase(lockgate_rollouts_total{{{_OURS}}}[$__rate_interval])))",
                    "{{outcome}}",
                )
            ],
            description="By how they ended.",
            w=8,
            h=7,
            colors=OUTCOMES,
            stacked=True,
            bars=True,
            interval="5m",
        ),
        table(
            "How long rollouts take",
            [
                _ask(f'round({count}{{outcome="Promoted"}}[$__range]))) > 0'),
                _ask(f'round({count}{{outcome="Aborted"}}[$__range])))'),
                _ask(_quantile(0.5, ended, "strategy")),
                _ask(_quantile(0.9, ended, "strategy")),
            ],
            description="Of all that ended in the time that is shown: how many, and their duration.",
            w=8,
            h=7,
            columns={
                "strategy": "strategy",
                "Value #A": "promoted",
                "Value #B": "aborted",
                "Value #C": "half within",
                "Value #D": "9 of 10 within",
            },
            looks=[column(name, unit="s", decimals=0) for name in ("half within", "9 of 10 within")],
        ),
        table(
            "What steps were held by",
            [
                _ask(f"round(sum by (gate) (increase({held}_count[$__range])))"),
                _ask(_quantile(0.5, held, "gate")),
                _ask(f"sum by (gate) (increase({held}_sum[$__range]))"),
            ],
            description="Pauses, approvals and analyses that ended in the time that is shown.",
            w=8,
            h=7,
            columns={"gate": "gate", "Value #A": "times", "Value #B": "half within", "Value #C": "in all"},
            looks=[column(name, unit="s", decimals=0) for name in ("half within", "in all")],
        ),
        stat(
            "From the moved alias to serving",
            [
                _ask(_quantile(0.5, serving), "half within"),
                _ask(_quantile(0.9, serving), "9 of 10 within"),
                _ask(longest, "waits longest"),
            ],
            description="From when Lockgate first resolved the new version to its promotion.",
            w=12,
            h=6,
            unit="s",
            none="none",
            decimals=0,
        ),
        timeseries(
            "Requests of people",
            [
                _ask(
                    "round(sum by (verb, outcome)"
                    " (increase(lockgate_people_requests_total[$__rate_interval]))) > 0",
                    "{{verb}} {{outcome}}",
                )
            ],
            description="What was asked of rollouts, and whether it was granted.",
            w=12,
            h=6,
            stacked=True,
            bars=True,
            interval="5m",
        ),
    ]


def fleet() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        uid=UID,
        title="Lockgate / Fleet",
        description="What Lockgate keeps in step with the registry, and how it fares.",
        rows=[
            ("At a glance", _at_a_glance()),
            ("What is live", [_live(), _apart()]),
            ("Under way", [_under_way(), _stuck()]),
            ("How rollouts end", _outcomes()),
            ("Registries and Prometheus", doors()),
            ("The operator", operator()),
        ],
        variables=[
            data_source(),
            choice(
                "namespace", "Namespace", "label_values(lockgate_modeldeployment_info, namespace)", many=True
            ),
        ],
    )
