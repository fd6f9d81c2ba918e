"""What has gone wrong around rollouts of others and no write tells of it: what is heard, asked, read.

One named test finds each of them; how it is called is not said here.
"""

from tests.faults.seeded.bug import Bug, Seed
from tests.faults.seeded.bugs import KNOWN

EARS: tuple[Seed, ...] = (
    Seed(
        9,
        Bug(
            "an older answer of the registry replaces a newer one",
            "lockgate/resolve/lookups.py",
            "if known is not None and not known.is_older_than(turn):",
            "if known is not None and turn < 0:",
        ),
        "test_an_older_answer_that_comes_late_does_not_replace_a_newer_one",
    ),
    Seed(
        13,
        KNOWN["a watch that has ended is not entered again"],
        "test_whatever_ends_an_entry_the_watch_is_entered_again",
    ),
    Seed(
        13,
        Bug(
            "whoever was heard once is heard for ever",
            "lockgate/watch/hearing.py",
            "return self._known[feed].at is not None and self.age(feed) <= self.deaf_after",
            "return self._known[feed].at is not None",
        ),
        "test_a_feed_is_deaf_some_time_after_it_was_last_heard",
    ),
    Seed(
        14,
        Bug(
            "what changes during a pass wakes nobody",
            "lockgate/work/queue.py",
            "            self._again[key] = urgent or self._again.get(key, False)\n",
            "",
        ),
        "test_a_wake_during_work_gives_one_more_pass_afterwards",
    ),
    Seed(
        18,
        Bug(
            "the right size is proof enough",
            "lockgate/fetch/proof.py",
            "if base64.b64encode(promised.digest()).decode() != entry.digest:",
            "if not base64.b64encode(promised.digest()).decode():",
        ),
        "test_other_bytes_of_the_same_size_are_found",
    ),
)
