"""`python -m tests.faults`: random faults for so many minutes, outages, or the seeded bugs in turn."""

import argparse
import contextlib
import itertools
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.campaign import Stand, campaign, play, report, say, shortest
from tests.faults.outages.draws import draw_rounds
from tests.faults.outages.play import play_outages
from tests.faults.seeded.bugs import BUGS, hunt
from tests.faults.story import load, save
from tests.integration.site import install_api, operator_identity

from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.world import start_control_plane


def main() -> int:
    """Exit code 0 when nothing was violated (with --seeded-bugs: when every bug was found)."""
    options = _parser().parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # what a fault cuts is no news
    with _stand() as stand:
        if options.seeded_bugs:
            return _hunt(stand, options)
        if options.outages:
            return _outages(stand, options)
        return _campaign(stand, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the story to tell (1)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--story", type=Path, help="play this saved story instead")
    parser.add_argument("--save", type=Path, default=Path("faults-story.json"), help="where a story goes")
    parser.add_argument("--no-shrink", action="store_true", help="keep the story of a violation whole")
    parser.add_argument("--outages", action="store_true", help="the API server away, refusing, cutting")
    parser.add_argument("--round", type=int, help="with --outages: that round alone")
    parser.add_argument("--seeded-bugs", action="store_true", help="hunt known bugs in copies of it")
    parser.add_argument("--only", nargs="*", default=[], help="names of seeded bugs; all without")
    return parser


@contextlib.contextmanager
def _stand() -> Iterator[Stand]:
    say("faults: starting etcd, API server and controllers")
    with start_control_plane() as world:
        install_api(world)
        identity = operator_identity(world)
        with NodeActor.on(world, name="faults") as actor:
            yield Stand(world, identity, actor)


def _campaign(stand: Stand, options: argparse.Namespace) -> int:
    if options.story:
        rounds = load(options.story)
        tally, violation = play(
            stand, rounds, until=time.monotonic() + 60 * options.minutes, on_round=lambda *_: None
        )
    else:
        tally, violation, rounds = campaign(stand, options.seed, options.minutes)
    print(f"seed {options.seed}: {report(tally, violation)}")
    if violation is None:
        return 0
    if not options.no_shrink:
        rounds = shortest(stand, rounds, violation)
    save(options.save, options.seed, rounds, str(violation), violation.told)
    print(f"the story, {sum(map(len, rounds))} actions, is in {options.save}:")
    for number, actions in enumerate(rounds):
        for action in actions:
            print(f"  round {number}: {action}")
    return 1


def _outages(stand: Stand, options: argparse.Namespace) -> int:
    rounds = enumerate(draw_rounds(options.seed), start=1)
    if options.round:
        rounds = itertools.islice(rounds, options.round - 1, options.round)
    until = time.monotonic() + 60 * options.minutes
    tally = play_outages(stand, rounds, until=until, name=f"seed {options.seed}", tell=say)
    for story in tally.violations:
        print(story)
    print(f"seed {options.seed}: {tally}")
    return 1 if tally.violations else 0


def _hunt(stand: Stand, options: argparse.Namespace) -> int:
    missed = []
    for bug in BUGS:
        if options.only and bug.name not in options.only:
            continue
        found = hunt(stand, bug, options.seed, options.minutes)
        print(f"{'found' if found else 'MISSED'}: {bug.name}{f' by {found}' if found else ''}", flush=True)
        if not found:
            missed.append(bug.name)
    print(f"{len(missed)} seeded bugs missed{': ' + ', '.join(missed) if missed else ''}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
