"""Why is the registry silent: is it away, does one thing that is asked hang, or does our own client?

A registry that is away answers nobody and is left in peace. One that answers a plain question is
there: then what hung together is asked in smaller parts, and a client that stays silent is ended. A
new one gets twice as long each time: where a client takes long to begin, ending it would be for ever.
"""

import threading
from collections.abc import Callable, Collection, Sequence

from lockgate.domain.ports import Lookup
from lockgate.errors import LockgateError, Transient
from lockgate.registries.wandb.asking import Chunk, Memory
from lockgate.registries.wandb.process import kill_client_process

SILENT_LOOK_UPS = 3
MOST_SILENT_LOOK_UPS = 48


class Silence:
    """Takes note of each look-up; `answers_others` asks the registry beside the client."""

    def __init__(
        self,
        memory: Memory,
        answers_others: Callable[[], bool],
        kill: Callable[[], object] = kill_client_process,
    ) -> None:
        self._memory = memory
        self._answers_others = answers_others
        self._kill = kill
        self._silent = 0
        self._patience = SILENT_LOOK_UPS
        self._probing = threading.Lock()

    @property
    def is_probing(self) -> bool:
        """Whether the registry is being asked beside the client."""
        return self._probing.locked()

    def notice(self, answers: Collection[Lookup], hung: Sequence[Chunk], *, asked: bool) -> None:
        """What a look-up brought, and which parts of it hung."""
        if not asked:
            return
        if any(not isinstance(answer, Transient) for answer in answers):
            self._silent, self._patience = 0, SILENT_LOOK_UPS
            self._set_apart(hung)
            return
        self._silent += 1
        stands = self._silent >= self._patience
        if (hung or stands) and self._probing.acquire(blocking=False):
            self._silent = 0 if stands else self._silent
            threading.Thread(
                target=self._probe, args=(hung, stands), name="registry-probe", daemon=True
            ).start()

    def _set_apart(self, hung: Sequence[Chunk]) -> None:
        for piece in hung:
            self._memory.hung(piece)

    def _probe(self, hung: Sequence[Chunk], stands: bool) -> None:
        try:
            if not self._answers_others():
                return
            self._set_apart(hung)
            # A client's process that stands still looks like a silent server, and is never healed.
            if stands:
                self._patience = min(2 * self._patience, MOST_SILENT_LOOK_UPS)
                self._kill()
        except LockgateError:
            return
        finally:
            self._probing.release()
