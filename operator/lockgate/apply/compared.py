"""What is remembered of comparisons: how each object differed when it was compared, and what of it the
cluster does not take.

Comparing costs much more than to see that nothing has changed since. And what somebody on the way (an
admission webhook, say) changes of what we ask for would be changed again, at full speed, for ever.
"""

from lockgate.apply.drift import Difference, differences, is_as_applied
from lockgate.apply.objects import Thing, head_differences, render_hash_of, thing_of
from lockgate.domain.resources import Object

_Mark = tuple[str, int, str]
"""The UID and generation of what was seen, which tell its spec, and the hash of what was rendered."""


class Compared:
    """Remembers by kind and key; losing it costs comparisons and one write."""

    def __init__(self) -> None:
        self._known: dict[Thing, tuple[_Mark, frozenset[Difference]]] = {}
        self._refused: dict[Thing, tuple[str, frozenset[Difference]]] = {}

    def is_in_line(self, obj: Object, seen: Object, *, needs_template: bool) -> bool:
        """Whether nothing is to be written, as far as can be told by what was seen.

        Of a workload, which needs a template, too little is kept to compare it.
        """
        given_up = self.given_up(obj)
        if head_differences(obj, seen) - given_up:
            return False
        if not needs_template:
            return not self.of_spec(obj, seen) - given_up
        known = self._known.get(thing_of(obj))
        is_compared = known is not None and known[0] == _mark(obj, seen) and not known[1] - given_up
        return is_compared or is_as_applied(seen)

    def of_spec(self, obj: Object, seen: Object) -> frozenset[Difference]:
        """What differs in the spec; what was compared before is not compared again."""
        thing, mark = thing_of(obj), _mark(obj, seen)
        known = self._known.get(thing)
        if known is None or known[0] != mark or not mark[1]:
            found = frozenset(differences(obj.get("spec"), seen.get("spec"), "spec"))
            known = self._known[thing] = (mark, found)
        return known[1]

    def given_up(self, obj: Object) -> frozenset[Difference]:
        """What the cluster did not take of just this rendering."""
        rendered, refused = self._refused.get(thing_of(obj), ("", frozenset()))
        return refused if rendered == render_hash_of(obj) else frozenset()

    def took(self, obj: Object, answer: Object) -> frozenset[Difference]:
        """It was written; returns what the cluster holds otherwise and did so not before."""
        left = head_differences(obj, answer) | self.of_spec(obj, answer)
        new = left - self.given_up(obj)
        self._refused[thing_of(obj)] = (render_hash_of(obj), left)
        return new

    def forget(self, thing: Thing) -> None:
        """It is gone."""
        self._known.pop(thing, None)
        self._refused.pop(thing, None)


def _mark(obj: Object, seen: Object) -> _Mark:
    metadata = seen["metadata"]
    return metadata.get("uid", ""), metadata.get("generation", 0), render_hash_of(obj)
