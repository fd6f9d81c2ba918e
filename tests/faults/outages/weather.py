"""Makes the troubles of a round at the API server's proxy, at their time, and ends them."""

from collections.abc import Callable
from functools import partial

from tests.faults.behaviours import (
    Answer,
    Cut,
    CutStream,
    Delay,
    Drop,
    EndStream,
    Fault,
    Hang,
    Match,
    Mute,
    Truncate,
    html,
)
from tests.faults.outages.draws import ALL, READS, Round, Trouble
from tests.faults.proxy import Proxy

# What is not heard for so long is not watched (lockgate.watch.hearing), and a little for a busy machine.
DEAF_SECONDS = 11.0
SLACK_SECONDS = 3.0
# A stream that was open before goes on for so long at most.
STREAM_SECONDS = 5.0
_BLINDING = ("away", "resets", "silent")

# At one moment what ends goes before what begins.
_END, _BEGIN = 0, 1
Event = tuple[float, int, Callable[[], object]]


class Weather:
    """The troubles of one round."""

    def __init__(self, api: Proxy, round_: Round) -> None:
        self._api = api
        # What blinds goes first: of several faults a call meets the one that was armed first.
        self._troubles = sorted(round_.troubles, key=lambda trouble: not _is_blinding(trouble))
        self._seconds = round_.seconds
        self._faults: dict[int, list[Fault]] = {}
        self._met: dict[int, bool] = {}

    def events(self) -> list[Event]:
        """What happens when, in seconds from the round's beginning."""
        found: list[Event] = []
        for number, trouble in enumerate(self._troubles):
            begin, end = self._span(trouble)
            if trouble.kind in ("away", "flaps"):
                found += self._doors(number, trouble, begin, end)
                continue
            found.append((begin, _BEGIN, partial(self._arm, number, trouble)))
            found.append((end, _END, partial(self._disarm, number)))
        return sorted(found, key=lambda event: event[:2])

    def clear(self) -> None:
        """Everything is over."""
        for number in list(self._faults):
            self._disarm(number)
        self._api.clear()

    def kinds_met(self) -> list[str]:
        """The kinds of trouble that somebody has met."""
        return [self._troubles[number].kind for number, met in sorted(self._met.items()) if met]

    def _span(self, trouble: Trouble) -> tuple[float, float]:
        return trouble.begins * self._seconds, trouble.ends * self._seconds

    def _doors(self, number: int, trouble: Trouble, begin: float, end: float) -> list[Event]:
        down, up = trouble.arguments.get("down", end - begin), trouble.arguments.get("up", 0.0)
        found: list[Event] = []
        while begin < end:
            found.append((begin, _BEGIN, partial(self._close, number)))
            found.append((min(begin + down, end), _END, self._api.open_door))
            begin += down + up
        return found

    def _close(self, number: int) -> None:
        self._met[number] = True
        self._api.close_door()

    def _disarm(self, number: int) -> None:
        faults = self._faults.pop(number, [])
        self._met[number] = any(fault.met for fault in faults) or self._met.get(number, False)
        if faults:
            self._api.faults.clear(*faults)

    def _arm(self, number: int, trouble: Trouble) -> None:
        self._faults[number] = _armed(self._api, trouble)


def _armed(api: Proxy, trouble: Trouble) -> list[Fault]:
    said = trouble.arguments
    place = said.get("resource", "*")
    streams = Match(verb="watch", resource=place)
    match trouble.kind:
        case "resets":
            return [api.fault(Match(), Cut()), api.fault(streams, CutStream())]
        case "silent":
            return [api.fault(Match(), Hang()), api.fault(streams, Mute())]
        case "refuses":
            made = [api.fault(Match(verb=said["verb"], resource=place), _answer(said))]
            return made + ([api.fault(streams, CutStream(), times=20)] if said["cuts"] else [])
        case "cuts answers":
            # A watch has no end to be cut off; its streams are cut by another trouble.
            verb = "request" if said["verb"] == ALL else said["verb"]
            return [api.fault(Match(verb=verb, resource=place), Truncate())]
        case "cuts streams":
            return [api.fault(streams, CutStream(in_mid_line=said["in_mid_line"]))]
        case "errs in streams":
            return [api.fault(streams, EndStream(said["code"]))]
        case "mutes streams":
            return [api.fault(streams, Mute())]
        case "drops bookmarks":
            return [api.fault(streams, Drop(types=frozenset({"BOOKMARK"})))]
        case "is slow":
            return [api.fault(Match(verb=said["verb"]), Delay(said["wait"]))]
        case kind:
            raise ValueError(f"there is no trouble named {kind!r}")


def _answer(said: dict[str, object]) -> Answer:
    if said["answer"] == "HTML":
        return html()
    assert isinstance(said["answer"], int)
    headers = {"Retry-After": str(said["retry_after"])} if "retry_after" in said else {}
    return Answer(said["answer"], None, headers)


def must_be_red(round_: Round) -> list[tuple[float, float]]:
    """When /readyz must say that nothing is seen, in seconds from the round's beginning."""
    spans: list[tuple[float, float]] = []
    for trouble in sorted(filter(_is_blinding, round_.troubles), key=lambda trouble: trouble.begins):
        begin, end = trouble.begins * round_.seconds, trouble.ends * round_.seconds
        if trouble.arguments.get("cuts") is False:
            begin += STREAM_SECONDS
        if spans and spans[-1][1] >= begin:
            begin, end = spans[-1][0], max(spans.pop()[1], end)
        spans.append((begin, end))
    late = DEAF_SECONDS + SLACK_SECONDS
    return [(begin + late, end) for begin, end in spans if end > begin + late]


def _is_blinding(trouble: Trouble) -> bool:
    # Nothing at all can be seen through it.
    if trouble.kind in _BLINDING:
        return True
    said = trouble.arguments
    return trouble.kind == "refuses" and said["verb"] in (READS, ALL) and said["resource"] == "*"
