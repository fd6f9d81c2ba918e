"""What pictures and tests of the dashboards show: a fleet of ten in two namespaces and more, for two hours.

The good version v8 of growth/churn goes from 10 to 50 to 100 percent; v9 leaks, begins to fail and is given
up at 50; v10 is on its way when the play ends. Around it others are rolled out, wait, get stuck, and for
some minutes the registry is away. Everything is decided by the real reconciler; time is stepped and
chance has a seed.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog.testing
from prometheus_client import CollectorRegistry
from tests.pictures.servers import Manner
from tests.pictures.ship import Ship

from lockgate.domain.resources import Key
from lockgate.telemetry.metrics import Metrics

BEGIN: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTES: Final = 112
END: Final = BEGIN + timedelta(minutes=MINUTES)
SCRAPED_EVERY: Final = timedelta(seconds=15)
_TICK: Final = timedelta(seconds=5)
_BEFORE: Final = timedelta(minutes=4)
"""In which everybody comes up, unseen."""
SHOWN: Final[Key] = ("growth", "churn")
"""Of which the dashboard of one deployment is drawn."""
_ANALYSIS: Final = {
    "interval": "1m",
    "count": 3,
    "metrics": [
        {"name": "errors", "query": "errors", "max": 0.01, "failureLimit": 1},
        {"name": "latency", "query": "latency", "maxRatioToStable": 1.4},
    ],
}
_BY_TIME: Final = {
    "canary": {"steps": [{"weight": weight, "pause": {"duration": "3m"}} for weight in (20, 50)]}
}
_GUARDED: Final = {
    "canary": {
        "steps": [
            {"weight": 10, "pause": {"duration": "5m"}},
            {"weight": 50, "pause": {"untilApproved": True}},
        ]
    }
}


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """One page as Prometheus reads it, and the labels of the target."""

    at: datetime
    page: str
    labels: dict[str, str]


class Played(Metrics):
    """The operator's metrics; what stepped time cannot tell, how long things take, is drawn."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(CollectorRegistry())
        self.chance = chance
        self.busy = 0.0
        self.watch_gauges(
            queue_depth=lambda: round(self.busy * 3),
            queue_oldest_seconds=lambda: self.busy * self.chance.uniform(0.05, 0.4),
            watch_entries=lambda: 1.0,
            watch_silent_seconds=lambda: 0.0,
            runtime_edits_waiting=lambda: 0.0,
        )
        for namespace in ("growth", "risk", "search", "ads"):
            self.namespace_seen(namespace, True)

    def registry_answered(self, source: str, operation: str, outcome: str, seconds: float) -> None:
        """A call ended; one that failed took as long as it may."""
        drawn = self.chance.lognormvariate(-1.6, 0.35) if outcome == "ok" else 20.0
        super().registry_answered(source, operation, outcome, drawn)


class Fleet:
    """All ships of the play, and its story."""

    def __init__(self, now: datetime) -> None:
        self.metrics = Played(random.Random(7))
        self._now = now
        self.ships: dict[Key, Ship] = {}
        versions = {
            8: Manner(seconds=0.0085),
            9: Manner(failing=0.045, leaks_after=500),
            10: Manner(seconds=0.008),
        }
        self._launch(*SHOWN, rate=25, first=7, manners=versions, strategy=_GUARDED, analysis=_ANALYSIS)
        self._launch("growth", "upsell", first=3, strategy={"rolling": {}})
        self._launch("growth", "ltv", first=2, strategy={"blueGreen": {"pause": {"untilApproved": True}}})
        self._launch("risk", "fraud", rate=0, first=4, strategy=_GUARDED, analysis=_ANALYSIS)
        self._launch("risk", "credit", rate=12, first=11, strategy=_BY_TIME)
        self._launch("risk", "aml", first=1, strategy={"shadow": {"mirror": 25, "pause": {"duration": "8m"}}})
        self._launch("search", "ranker", first=5, strategy={"rolling": {}})
        # By the alias of another: it is behind.
        self._launch("search", "embed", first=2, follows="ranker", strategy={"rolling": {}})
        self._launch("search", "spell", first=9, strategy={"rolling": {}})
        self._launch("ads", "bids", first=1, strategy={"rolling": {}})
        self.story = sorted(self._story(), key=lambda event: event[0])

    def _launch(self, namespace: str, name: str, **known: object) -> None:
        key = (namespace, name)
        self.ships[key] = Ship(key, self.metrics, self._now, **known)  # type: ignore[arg-type]

    def _story(self) -> list[tuple[float, Callable[[], None]]]:
        """What happens, by minutes from the begin."""
        churn, upsell, ltv, fraud, credit, aml, ranker, embed, _, bids = self.ships.values()

        def outage(lost: bool) -> None:
            for ship in self.ships.values():
                ship.lose_registry(lost)

        def corrupt() -> None:
            ranker.corrupt.add("v6")
            ranker.point(6)

        return [
            (10, lambda: churn.point(8)),
            (27, lambda: churn.ask("approve {release} by ann because latency is well")),
            (52, lambda: churn.point(9)),
            (82, lambda: churn.point(10)),
            (6, lambda: upsell.point(4)),
            (57, lambda: upsell.point(5)),
            (17, lambda: ltv.point(3)),
            (23, lambda: ltv.ask("approve 00000000 by bob")),
            (41, lambda: ltv.ask("approve {release} by bob")),
            (60, lambda: fraud.point(5)),
            (30, lambda: credit.point(12)),
            (33, lambda: credit.ask("promote {release} by eve because of an incident")),
            (106, lambda: credit.point(13)),
            (45, lambda: aml.point(2)),
            (34, corrupt),
            (15, lambda: embed.change(suspend=True)),
            (25, lambda: embed.point(3)),
            (76, lambda: bids.registry.answers.clear()),
            (66, lambda: outage(True)),
            (70, lambda: outage(False)),
        ]

    async def tick(self, now: datetime) -> None:
        """All that happens until then."""
        while self.story and BEGIN + timedelta(minutes=self.story[0][0]) <= now:
            self.story.pop(0)[1]()
        passes = 0
        for ship in self.ships.values():
            passes += await ship.tick(now)
        self.metrics.busy = 0.6 * self.metrics.busy + 0.4 * passes

    def scrapes(self, now: datetime) -> Iterator[Scrape]:
        """What Prometheus reads then."""
        self.metrics.sample()
        page = self.metrics.page().decode()
        yield Scrape(at=now, page=page, labels={"job": "lockgate", "namespace": "lockgate-system"})
        for (namespace, name), ship in self.ships.items():
            for server in ship.servers.values():
                labels = {"namespace": namespace, "model_deployment": name, "release": server.release}
                yield Scrape(at=now, page=server.page(), labels={"job": "models", **labels})


async def play() -> list[Scrape]:
    """Play it all, and return what was scraped."""
    now = BEGIN - _BEFORE
    fleet, scraped = Fleet(now), []
    # Every transition is logged, which is of no interest here.
    with structlog.testing.capture_logs():
        while now < END:
            now += _TICK
            await fleet.tick(now)
            if now >= BEGIN and not (now - BEGIN) % SCRAPED_EVERY:
                scraped += fleet.scrapes(now)
    return scraped
