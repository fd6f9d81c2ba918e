"""The look-ups of each configured registry server, by the name that a spec calls it.

Each has threads, a limiter and outages of its own: what one server does is no other's business.
Nothing is decided here beyond which of them a name means.
"""

import asyncio
from collections.abc import Iterator, Mapping

from lockgate.errors import InvalidSpec
from lockgate.resolve.lookups import Lookups
from lockgate.sentences import listed, sentence


class Sources(Mapping[str, Lookups]):
    """Look-ups by the name of their server."""

    def __init__(self, lookups: Mapping[str, Lookups]) -> None:
        self._lookups = dict(lookups)

    def __getitem__(self, name: str) -> Lookups:
        """The look-ups of this server; raises InvalidSpec when the platform has configured none so named."""
        try:
            return self._lookups[name]
        except KeyError:
            raise InvalidSpec(
                "spec.model.source",
                f"is {sentence(name, 80)!r}, but no registry of that name is configured; there "
                f"{'is' if len(self) == 1 else 'are'} {listed(sorted(self), most=20)}",
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._lookups)

    def __len__(self) -> int:
        return len(self._lookups)

    async def warm(self, seconds: float) -> None:
        """Load the clients, all at once; goes on without them after so long."""
        await asyncio.gather(*(one.warm(seconds) for one in self.values()))

    async def prime(self, seconds: float) -> None:
        """Ask for all that is followed and not known, everywhere at once; no longer than that."""
        await asyncio.gather(*(one.prime(seconds) for one in self.values()))

    async def close(self) -> None:
        """Release the clients, within two seconds."""
        await asyncio.gather(*(one.close() for one in self.values()))
