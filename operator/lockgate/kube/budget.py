"""How many requests may be on their way to the API server, and whose turn is next.

The API server says how much it can take: by 429 and Retry-After, by not answering, by answering
slowly or more slowly the more it is asked. Its hints hold for all of us; what it says of one object
it says with other codes. What waits goes by urgency, then by lane.
A namespace whose requests hang while others' do not (an admission webhook that is away, say) has a
few places of its own, and what it is like says nothing of the API server. Places that requests hold
for long are lent to namespaces of which none does.
"""

import asyncio
import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection
from enum import IntEnum
from itertools import count

from lockgate.kube.crowding import Crowding
from lockgate.kube.errand import PRESENT_ERRAND, Errand
from lockgate.kube.pace import SLOW_SECONDS, Pace

AT_ONCE = 16
# While they wait for one another in there. At 12 ms each these are the 400 a second of the ceiling.
AT_ONCE_IN_A_CROWD = 5
LONGEST_HINT_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 5.0
# While the API server is away a request may wait for its end in vain: that keeps no other from looking.
LOOKS_AT_ONCE = 4
PATIENCE_SECONDS = 60.0
_MEMORY = 1 / 32
_MOSTLY = 0.8
PLACES_OF_SLOW = 2
MOST_PARKED = 8
_MOST_LENT = 24
# Whatever is lent: the session has so many connections.
MOST_ON_THEIR_WAY = 48
_LOOK_AGAIN_SECONDS = SLOW_SECONDS / 4
_OVERLOADED = frozenset({429, 502, 503, 504})


class Lane(IntEnum):
    """What goes first while much waits."""

    CHILD = 0
    """What serves, and what must be read for it."""
    STATUS = 1
    EVENT = 2


class Budget:
    """Turns for requests: so many at once as the server takes, so many a second as the ceiling lets."""

    def __init__(
        self, *, rate: float, at_once: int = AT_ONCE, returned: Callable[[], None] = lambda: None
    ) -> None:
        """`returned` is called when the API server answers again after it was away."""
        self._returned = returned
        self._rate = rate
        self._burst = max(1.0, rate / 10)
        self._tokens = self._burst
        self._filled_at: float | None = None
        self._at_once = at_once
        self._limit = float(at_once)
        self._on_their_way = 0
        self._waiting: list[_Entry] = []
        self._present: Counter[str] = Counter()
        self._begun: defaultdict[str, deque[float]] = defaultdict(deque)
        self._pace = Pace()
        self._crowding = Crowding()
        self._parked: defaultdict[str, list[_Entry]] = defaultdict(list)
        self._numbers = count()
        self._alarm: asyncio.TimerHandle | None = None
        self._hinted_until = self._paused_until = self._judged_at = self._back_at = 0.0
        self._misses = 0
        self._slow = 0.0

    async def enter(self, lane: Lane, whose: str = "") -> float:
        """Wait for a turn, and return when it came; `leave` must follow.

        `whose` is the namespace, if it is for one. Raises TimeoutError after a minute in vain, or at
        once when too many of a namespace that hangs wait already.
        """
        errand = PRESENT_ERRAND.get()
        if errand is not None and lane is not Lane.CHILD:
            # While much waits it would wait to the end, and keep all others' pods waiting.
            errand.make_room()
        if not self._waiting and not self._has_its_share(whose) and self._admit(whose):
            return self._note_begin(whose)
        if self._has_its_share(whose) and len(self._parked.get(whose, ())) >= MOST_PARKED:
            # Passes that wait here in vain would take the places of others'.
            raise TimeoutError
        turn = _Turn()
        turn.whose, turn.errand = whose, errand

        def stand(urgent: bool = True) -> None:
            heapq.heappush(self._waiting, (not urgent, lane, next(self._numbers), turn))
            self._call()

        stand(errand is not None and errand.urgent)
        if errand is not None:
            errand.listen(stand)
        try:
            # Events wait as long as it takes: nobody waits for them.
            async with asyncio.timeout(None if lane is Lane.EVENT else PATIENCE_SECONDS):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave(whose)
            raise
        finally:
            if errand is not None:
                errand.ignore(stand)
        return self._note_begin(whose)

    def unused(self) -> None:
        """The turn that came was not used: whether the API server is back another one looks now."""
        if self._is_away:
            self._paused_until = 0.0

    def leave(self, whose: str = "", began: float | None = None) -> None:
        """The request that was let in then (or the oldest) has ended, however it did."""
        self._on_their_way -= 1
        self._present[whose] -= 1
        begun = self._begun[whose]
        if began is not None and began in begun:
            begun.remove(began)
        while len(begun) > self._present[whose]:
            begun.popleft()
        if not self._present[whose]:
            del self._present[whose], self._begun[whose]
        for entry in self._parked.pop(whose, ()):
            heapq.heappush(self._waiting, entry)
        self._call()

    def answered(
        self, code: int, after: float | None, began: float, *, timed: bool = True, whose: str = ""
    ) -> None:
        """What the API server says of itself to a request that was let in then; `timed`: judge how fast."""
        if code not in _OVERLOADED:
            seconds = _now() - began
            is_its_own = self._pace.judge(whose, seconds, _now()) if timed else False
            if timed and code < 300:
                self._crowding.note(seconds, _now())
            self._take_more(seconds if timed and not is_its_own else None)
            return
        if after is not None:
            self._hinted_until = max(self._hinted_until, _now() + min(after, LONGEST_HINT_SECONDS))
        self._take_less(began, away=code != 429)

    def unanswered(self, began: float, whose: str = "") -> None:
        """The API server did not answer a request that was let in then."""
        is_its_own = self._pace.judge(whose, _now() - began, _now())
        if not is_its_own and not self._pace.is_overtaken(whose, began):
            self._take_less(began, away=True)

    @property
    def at_once(self) -> int:
        """How many requests may be on their way at present."""
        return int(self._limit)

    def _has_its_share(self, whose: str) -> bool:
        return self._present[whose] >= PLACES_OF_SLOW and self._pace.is_slow(whose, _now())

    def _note_begin(self, whose: str) -> float:
        began = _now()
        self._begun[whose].append(began)
        return began

    def _lent(self) -> tuple[Collection[str], int]:
        """The namespaces that hold places for long, and how many others may have instead."""
        if self._is_away:
            return (), 0
        since = _now() - SLOW_SECONDS
        held = {name: sum(at <= since for at in begun) for name, begun in self._begun.items() if name}
        lenders = [name for name, long in held.items() if long]
        # Nobody else may have been let in of late: then one of them tells whether the API server is slow.
        most = _MOST_LENT if self._pace.is_another_quick(lenders, _now()) else 1
        return lenders, min(most, sum(held.values()))

    def _swallowed(self) -> int:
        """How many wait for their end since before the API server was back, most likely in vain."""
        return sum(at < self._back_at for begun in self._begun.values() for at in begun)

    def _take_less(self, began: float, *, away: bool) -> None:
        # What was on its way together fails together, and counts once.
        if began < self._judged_at:
            return
        self._judged_at = _now()
        self._limit = max(1.0, self._limit / 2)
        if away:
            was_away = self._is_away
            self._misses += 1
            if self._is_away and not was_away:
                # From now on each look makes its pause when it begins, however late it ends.
                self._pause(others=self._on_their_way - 1)

    @property
    def _is_away(self) -> bool:
        # The first miss may be a connection that was closed in the very moment.
        return self._misses > 1

    def _pause(self, *, others: int) -> None:
        pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(self._misses, 10))
        # Who looks while others still wait for an end must leave a place to the next.
        self._paused_until = _now() + (LONGEST_PAUSE_SECONDS if others else pause)

    def _take_more(self, seconds: float | None) -> None:
        was_away = self._is_away
        self._misses, self._paused_until = 0, 0.0
        if was_away:
            self._back_at = _now()
            self._returned()
        if seconds is not None:
            self._slow += _MEMORY * ((seconds > SLOW_SECONDS) - self._slow)
        if self._slow > _MOSTLY:
            # Nearly all answers are slow; the next judgement is on what comes from now on.
            self._slow = 0.5
            self._limit = max(1.0, self._limit / 2)
        elif self._slow < 0.5:
            most = min(self._at_once, AT_ONCE_IN_A_CROWD) if self._crowding.is_felt else self._at_once
            change = min(1 / self._limit, abs(most - self._limit))
            self._limit += change if most > self._limit else -change

    def _admit(self, whose: str) -> bool:
        places = int(max(self._limit, LOOKS_AT_ONCE) if self._is_away else self._limit)
        if self._on_their_way >= places:
            places += self._swallowed()
            lenders, lent = self._lent()
            if self._on_their_way >= min(places + (0 if whose in lenders else lent), MOST_ON_THEIR_WAY):
                return False
        if self._opens_in() > 0:
            return False
        if self._is_away:
            self._pause(others=self._on_their_way)
        self._tokens -= 1
        self._on_their_way += 1
        self._present[whose] += 1
        return True

    def _opens_in(self) -> float:
        now = _now()
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        for_token = (1 - self._tokens) / self._rate if self._tokens < 1 - 1e-6 else 0.0
        return max(self._hinted_until - now, self._paused_until - now, for_token)

    def _call(self) -> None:
        """Let in whoever may go."""
        while self._waiting:
            turn = self._waiting[0][-1]
            if not turn.done():
                if self._has_its_share(turn.whose):
                    # Until one of its own has ended.
                    self._park(turn)
                    continue
                if not self._admit(turn.whose):
                    lenders, lent = self._lent()
                    if lent and turn.whose in lenders and self._opens_in() <= 0:
                        self._park(turn)
                        continue
                    self._call_later()
                    return
                turn.set_result(None)
            heapq.heappop(self._waiting)

    def _park(self, turn: "_Turn") -> None:
        self._parked[turn.whose].append(heapq.heappop(self._waiting))
        if turn.errand is not None:
            turn.errand.make_room()

    def _call_later(self) -> None:
        seconds = self._opens_in()
        if seconds <= 0:
            # All places are taken: whoever leaves calls the next, or some are found to be held for long.
            seconds = _LOOK_AGAIN_SECONDS
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._alarm is not None:
            if self._alarm.when() <= due:
                return
            self._alarm.cancel()
        self._alarm = loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._call()


class _Turn(asyncio.Future[None]):
    """Waits to be called; never compared."""

    whose = ""
    errand: Errand | None = None


_Entry = tuple[bool, Lane, int, _Turn]


def _now() -> float:
    return asyncio.get_running_loop().time()
