"""`python -m tests.rollouts`: rollouts under constant load through a real gateway, one after the other."""

import argparse
import sys
from collections.abc import Iterable

from tests.rollouts import telling
from tests.rollouts.ground import RATE, Ground, ground
from tests.rollouts.play import Result, play
from tests.rollouts.story import Rollout, draw

from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.world import running_world, start_cluster
from lockgate_sandbox.worlds import Level

_EPILOG = """\
On a real one-node cluster a crowd asks a model through Envoy all the time, while it is rolled out again
and again: rolling, canary, blueGreen, shadow; promoted, aborted, superseded, retried, pinned, never ready.
A rollout is drawn from the seed and its number alone, so each can be played again by itself.

What must hold, or the exit code is 1:
  no request fails
  while a step is held as many answers come from the candidate as its weight says, within two points where
  there are answers enough for that to be four standard errors, else within four standard errors;
  who has no weight answers nobody
  after an abort only stable answers, and status.traffic says so, within 10 s of the verb (within 60 s where
  stable gave up pods, in place or with ResourceAware: they have to start first)
  at every write: the weights make 100, who has a weight has available pods, what the route names is there,
  and nobody is deleted or shrunk below what a weight needs, as it is written or as it may be served

examples:
  make rollouts                                          # fifty of seed 1
  make rollouts ROLLOUTS=10 SEED=7
  python -m tests.rollouts --seed 7 --only 4             # one of them once more
  python -m tests.rollouts --world mine --rollouts 5     # in a cluster that runs (lockgate_sandbox up)
  python -m tests.rollouts --tell                        # only say what would be played
"""


def main() -> int:
    """Exit code 0 when nothing was violated."""
    options = _parser().parse_args()
    numbers = options.only or range(1, options.rollouts + 1)
    drawn = [draw(options.seed, number) for number in numbers]
    if options.tell:
        print("\n".join(f"{each.number:3} {each.told_strategy}: {each.story}" for each in drawn))
        return 0
    try:
        results = _in_world(options, drawn)
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"seed {options.seed}: {telling.summary(results)}")
    if any(result.broken for result in results):
        print(telling.violations(results, options.seed))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.rollouts",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="what is drawn (%(default)s)")
    parser.add_argument("--rollouts", type=int, default=50, help="how many (%(default)s)")
    parser.add_argument("--only", type=int, nargs="+", metavar="N", help="these of the seed, by number")
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second (%(default)g)")
    parser.add_argument("--world", help="the name of a cluster that runs; without it one is started")
    parser.add_argument("--tell", action="store_true", help="say what would be played, and play nothing")
    return parser


def _in_world(options: argparse.Namespace, drawn: Iterable[Rollout]) -> list[Result]:
    if options.world:
        world = running_world(options.world)
        if world.level is not Level.CLUSTER or not isinstance(world, ClusterWorld):
            raise SandboxError(f"{options.world} is no cluster")
        return _on_ground(world, options.rate, drawn)
    say("rollouts: starting a cluster")
    with start_cluster() as fresh:
        return _on_ground(fresh, options.rate, drawn)


def _on_ground(world: ClusterWorld, rate: float, drawn: Iterable[Rollout]) -> list[Result]:
    say("rollouts: registry, Lockgate, a gateway, versions of a model, and a crowd that asks")
    with ground(world, with_bad=True, rate=rate) as found:
        print(telling.head(), flush=True)
        return list(_played(found, drawn))


def _played(found: Ground, drawn: Iterable[Rollout]) -> Iterable[Result]:
    for rollout in drawn:
        result = play(found, rollout)
        print(telling.row(result), flush=True)
        for what in result.broken:
            say(f"  violated: {what}")
        yield result
        if result.ended == "stuck":
            # Nobody knows from where the next would begin.
            return


def say(text: str) -> None:
    """Progress, on stderr, at once."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
