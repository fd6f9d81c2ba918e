"""`watch`: trees that follow what happens; lines where there is no terminal; objects for programs.

Three kinds are watched at once. Without the right to see pods or workloads there is still the rest, and
what is missing is said. The API server may go away and come back meanwhile.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from lockgate.cli.branches import Surroundings, see_workload
from lockgate.cli.door import Query
from lockgate.cli.failing import Exit, NotAllowed
from lockgate.cli.finding import not_there
from lockgate.cli.lines import Line, Span, Tone, line
from lockgate.cli.narrating import Narrator, Teller
from lockgate.cli.paint import Screen, complain
from lockgate.cli.pods import see_pod
from lockgate.cli.seen import see
from lockgate.cli.session import Session
from lockgate.cli.streams import Known, follow
from lockgate.cli.tree import is_moving, summary, tree
from lockgate.clock import now
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, POD, Resource
from lockgate.names import LABEL_MODEL_DEPLOYMENT, MANAGED_SELECTOR

_TICK_SECONDS = 1.0
_LEAST_SECONDS = 0.1
_ONCE_ROOM = 100


class Watched:
    """What is known at present, and a sign that it has changed."""

    def __init__(self) -> None:
        self.deployments, self.pods, self.workloads = Known(), Known(), Known()
        self.hidden = ""
        self.changed = asyncio.Event()

    @property
    def is_complete(self) -> bool:
        """Whether everything was listed that may be."""
        return self.deployments.complete and (
            bool(self.hidden) or (self.pods.complete and self.workloads.complete)
        )

    @property
    def lost(self) -> str:
        """Why nothing new is known, if so."""
        return self.deployments.lost or self.pods.lost

    def trees(self, room: int, *, whole: bool) -> list[Line]:
        """All of them, those in which something happens first; without `whole` the others in a line each."""
        moment = now()
        pods = [see_pod(obj) for obj in self.pods.objects.values()]
        workloads = [see_workload(obj) for obj in self.workloads.objects.values()]
        lines: list[Line] = [line(Span(self.lost, Tone.BAD))] if self.lost else []
        seen = [see(obj) for obj in self.deployments.objects.values()]
        for one in sorted(seen, key=lambda one: (not is_moving(one), one.key)):
            own = [pod for pod in pods if (pod.namespace, pod.deployment) == one.key]
            if whole or is_moving(one):
                its = [
                    workload for workload in workloads if (workload.namespace, workload.deployment) == one.key
                ]
                around = Surroundings(pods=own, workloads=its, hidden=self.hidden)
                lines += [*tree(one, around, moment, room), line()]
            else:
                lines.append(summary(one, own, moment, room))
        while lines and not lines[-1]:
            lines.pop()
        return lines


async def watch(session: Session, options: argparse.Namespace) -> Exit:
    """Show them until the person has seen enough."""
    if options.output == "json":
        return await _run(session, options, Teller(session.painter).tell, None)
    whole = len(options.names) == 1
    if options.once:
        async with _watched(session, options) as watched:
            await _complete(session, watched, options)
            session.painter.print(*watched.trees(session.painter.room or _ONCE_ROOM, whole=whole))
        return Exit.DONE
    with session.painter.screen() as screen:
        if screen is None:
            return await _run(session, options, Narrator(session.painter).tell, None)
        return await _run(
            session, options, lambda watched: _show(screen, session, watched, whole), _TICK_SECONDS
        )


def _show(screen: Screen, session: Session, watched: Watched, whole: bool) -> None:
    shown: Sequence[Line] = watched.trees(session.painter.room or _ONCE_ROOM, whole=whole)
    screen.show(shown or [line("there are no ModelDeployments here yet")])


async def _run(
    session: Session, options: argparse.Namespace, tell: Callable[[Watched], None], tick: float | None
) -> Exit:
    """Tell what is new whenever something is, and every `tick` seconds, for what grows older by itself."""
    async with _watched(session, options) as watched:
        await _complete(session, watched, options)
        while True:
            watched.changed.clear()
            tell(watched)
            # What comes in a burst is shown once.
            await asyncio.sleep(_LEAST_SECONDS)
            try:
                async with asyncio.timeout(tick):
                    await watched.changed.wait()
            except TimeoutError:
                continue


async def _complete(session: Session, watched: Watched, options: argparse.Namespace) -> None:
    """Wait for the first lists; raises NotThere for a name that is in none."""
    told = ""
    while not watched.is_complete:
        watched.changed.clear()
        if watched.lost and watched.lost != told:
            complain([f"{watched.lost}; trying again"])
            told = watched.lost
        await watched.changed.wait()
    for name in options.names:
        if (session.namespace, name) not in watched.deployments.objects:
            raise await not_there(session, name)


@asynccontextmanager
async def _watched(session: Session, options: argparse.Namespace) -> AsyncIterator[Watched]:
    """What is watched, as long as somebody looks; raises what the API server refuses."""
    watched = Watched()
    names = options.names
    of_deployments: dict[str, str] = {"labelSelector": options.selector} if options.selector else {}
    of_children = {"labelSelector": MANAGED_SELECTOR}
    if names:
        of_children["labelSelector"] += f",{LABEL_MODEL_DEPLOYMENT} in ({','.join(names)})"
    if len(names) == 1:
        of_deployments["fieldSelector"] = f"metadata.name={names[0]}"
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    _keep(session, watched, watched.deployments, MODEL_DEPLOYMENT, of_deployments)
                ),
                *(
                    group.create_task(_keep_children(session, watched, known, kind, of_children))
                    for known, kind in ((watched.pods, POD), (watched.workloads, DEPLOYMENT))
                ),
            ]
            try:
                yield watched
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _keep(session: Session, watched: Watched, known: Known, kind: Resource, query: Query) -> None:
    async for change in follow(session.door, kind, session.namespace, query):
        known.take(change)
        watched.changed.set()


async def _keep_children(
    session: Session, watched: Watched, known: Known, kind: Resource, query: Query
) -> None:
    try:
        await _keep(session, watched, known, kind, query)
    except NotAllowed as error:
        watched.hidden = f"not all is shown: {error.message}"
        watched.changed.set()
