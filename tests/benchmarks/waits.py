"""How long people waited with and without their neighbours, as figures and as a page for people."""

from dataclasses import dataclass, field

from tests.benchmarks.measuring import percentile

MOST_ADDED_SECONDS = 1.0


@dataclass
class Waits:
    """Seconds from each edit until its Deployment had it, and until its status spoke of it.

    `answer`: until the API server itself had answered the edit, which is no work of the operator's.
    """

    answer: list[float] = field(default_factory=list)
    deployment: list[float] = field(default_factory=list)
    status: list[float] = field(default_factory=list)
    operator_cpu_share: float = 0.0

    def at(self, share: float) -> tuple[float, float, float]:
        """The percentile of each."""
        each = (self.answer, self.deployment, self.status)
        answer, child, status = (percentile(values, share) for values in each)
        return answer, child, status


@dataclass
class Figures:
    """What was measured."""

    alone: Waits = field(default_factory=Waits)
    beside: Waits = field(default_factory=Waits)
    probes_asked: int = 0
    probes_slowest_seconds: float = 0.0
    probes_red: list[str] = field(default_factory=list)
    script_requests: dict[int, int] = field(default_factory=dict)
    writes_held_up: int = 0
    told: dict[str, dict[str, int]] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)

    def added(self, share: float) -> list[float]:
        """Seconds that the neighbours add to each percentile."""
        pairs = zip(self.beside.at(share), self.alone.at(share), strict=True)
        return [beside - alone for beside, alone in pairs]

    @property
    def failures(self) -> list[str]:
        """What must not be."""
        added = max(self.added(0.99))
        return [
            *([f"neighbours add {added:.2f} s at p99"] if added >= MOST_ADDED_SECONDS else []),
            *(f"red probe: {red}" for red in self.probes_red[:10]),
            *(f"does not name its trouble: {one}" for one in self.untold),
        ]


def report(figures: Figures) -> str:
    """The figures for people."""
    lines = [f"{'seconds from an edit until':36} {'alone':>8} {'beside':>8} {'added':>8}"]
    for place, what in enumerate(
        ("the API server answers it", "its Deployment has it", "its status speaks of it")
    ):
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            alone, beside = figures.alone.at(share)[place], figures.beside.at(share)[place]
            added = figures.added(share)[place]
            lines.append(f"  {what + ', ' + name:34} {alone:8.3f} {beside:8.3f} {added:8.3f}")
    for told, waits in (("alone", figures.alone), ("beside", figures.beside)):
        slowest = " ".join(f"{waited:.2f}" for waited in sorted(waits.status)[-8:])
        lines.append(f"{told}: {len(waits.status)} edits, slowest {slowest}")
        lines.append(f"  operator's share of a processor {waits.operator_cpu_share:.2f}")
    lines.append(f"answers to the neighbours' scripts, by code: {figures.script_requests}")
    lines.append(f"writes of neighbours that were held up: {figures.writes_held_up}")
    slowest_probe = f"slowest {figures.probes_slowest_seconds:.2f} s"
    lines.append(f"probes: {figures.probes_asked} asked, {len(figures.probes_red)} red, {slowest_probe}")
    lines.append("what the neighbours' statuses say:")
    for kind, said in figures.told.items():
        lines += [f"  {kind:20} {number} x {what}" for what, number in said.items()]
    return "\n".join(lines)
