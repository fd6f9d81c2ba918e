"""Waiting for the operator: until one ModelDeployment says what is waited for, or time is up."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from lockgate.cli.door import Door
from lockgate.cli.failing import NotThere, Unanswered
from lockgate.cli.seen import Seen, see
from lockgate.cli.streams import News, follow
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key

T = TypeVar("T")


async def until(
    door: Door, key: Key, answer: Callable[[Seen], T | None], seconds: float
) -> tuple[T | None, Seen | None]:
    """What `answer` finds, as soon as it finds something, and the state that it was found in.

    None after so many seconds, with the last state that was seen. Raises NotThere when it is gone
    meanwhile, Unanswered where the API server did not answer either.
    """
    last: Seen | None = None
    lost = ""
    try:
        async with asyncio.timeout(seconds):
            query = {"fieldSelector": f"metadata.name={key[1]}"}
            async for change in follow(door, MODEL_DEPLOYMENT, key[0], query):
                lost = change.why
                is_gone = change.news is News.DELETED or (change.news is News.RESET and not change.objects)
                if is_gone:
                    raise NotThere(f"{key[1]} was deleted meanwhile")
                for obj in change.objects:
                    last = see(obj)
                    found = answer(last)
                    if found is not None:
                        return found, last
    except TimeoutError:
        if lost:
            raise Unanswered(lost) from None
    return None, last
