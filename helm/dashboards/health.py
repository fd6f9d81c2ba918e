"""The part of the fleet's dashboard on what Lockgate rests on: registries, Prometheus, and the operator."""

from helm.dashboards.grafana import AMBER, BLUE, GREEN, RED, Ask, Panel, colored, stat, timeseries


def or_zero(expr: str) -> str:
    """The same, or 0 where there is nothing."""
    return f"{expr} or vector(0)"


def _ask(expr: str, legend: str = "") -> Ask:
    return Ask(expr=expr, legend=legend)


def doors() -> list[Panel]:
    """How registries and Prometheus answer."""
    calls, seconds = "lockgate_registry_requests_total", "lockgate_registry_request_duration_seconds_bucket"
    return [
        timeseries(
            "Calls to registries",
            [_ask(f"sum by (source, outcome) (rate({calls}[5m]))", "{{outcome}}: {{source}}")],
            description="By registry and outcome.",
            w=8,
            unit="reqps",
            colors=[colored("ok", GREEN), colored("Registry", RED), colored("AccessDenied", AMBER)],
        ),
        timeseries(
            "How long registries take",
            [
                _ask(
                    "histogram_quantile(0.9, sum by (le, source)"
                    f' (rate({seconds}{{operation="look_up"}}[5m])))',
                    "{{source}}",
                )
            ],
            description="Nine of ten look-ups are answered within this time.",
            w=8,
            unit="s",
        ),
        timeseries(
            "Queries to Prometheus",
            [
                _ask(
                    "sum by (outcome) (rate(lockgate_prometheus_queries_total[5m]))",
                    "{{outcome}}",
                )
            ],
            description="Asked by analyses, by outcome.",
            w=8,
            unit="reqps",
            colors=[colored("answered", GREEN), colored("refused", AMBER), colored("unavailable", RED)],
        ),
    ]


def operator() -> list[Panel]:
    """How the operator keeps up."""
    seconds = "lockgate_reconcile_duration_seconds_bucket"
    return [
        timeseries(
            "Passes",
            [_ask("sum by (outcome) (rate(lockgate_reconcile_total[$__rate_interval]))", "{{outcome}}")],
            description="Looks at single ModelDeployments, by how they ended.",
            w=6,
            unit="reqps",
        ),
        timeseries(
            "How long a pass takes",
            [
                _ask(f"histogram_quantile({share}, sum by (le) (rate({seconds}[5m])))", said)
                for share, said in ((0.5, "half within"), (0.99, "99 of 100 within"))
            ],
            description="Without the time in the queue.",
            w=6,
            unit="s",
        ),
        timeseries(
            "Queue and watch",
            [
                _ask("max(lockgate_queue_oldest_seconds)", "oldest in the queue"),
                _ask("max(lockgate_watch_silent_seconds)", "watch silent"),
            ],
            description="How long the oldest waits for a pass, and since when some kind was not heard of.",
            w=5,
            unit="s",
            colors=[colored("oldest", BLUE), colored("watch", RED)],
        ),
        stat(
            "Went wrong",
            [
                _ask("sum(increase(lockgate_events_dropped_total[$__range]))", "Events dropped"),
                _ask(or_zero("sum(increase(lockgate_watch_missed_total[$__range]))"), "changes missed"),
                _ask(or_zero("sum(increase(lockgate_task_restarts_total[$__range]))"), "restarts within"),
            ],
            description="In the time that is shown; all of it should be 0.",
            w=7,
            h=8,
            steps=((None, GREEN), (1, AMBER)),
            decimals=0,
        ),
    ]
