"""Who lives on ECS is looked at soon while something is under way, rarely at rest, and no more once gone."""

from lockgate.backends.ecs.pulse import BUSY_SECONDS, REST_SECONDS, Pulse

KEY = ("growth", "churn")


class Time:
    now = 0.0


def pulse():
    time, woken = Time(), []
    return time, woken, Pulse(woken.append, lambda: time.now)


def test_what_is_under_way_is_looked_at_soon():
    time, woken, made = pulse()
    made.looked(KEY, is_busy=True)
    made.beat()
    assert woken == []
    time.now = BUSY_SECONDS
    made.beat()
    made.beat()
    assert woken == [KEY]


def test_at_rest_it_is_looked_at_rarely():
    time, woken, made = pulse()
    made.looked(KEY, is_busy=False)
    time.now = REST_SECONDS - 1
    made.beat()
    assert woken == []
    time.now = REST_SECONDS
    made.beat()
    assert woken == [KEY]


def test_who_was_not_looked_at_is_woken_again():
    time, woken, made = pulse()
    made.looked(KEY, is_busy=True)
    time.now = BUSY_SECONDS
    made.beat()
    time.now += REST_SECONDS
    made.beat()
    assert woken == [KEY, KEY]


def test_who_is_gone_is_woken_no_more():
    time, woken, made = pulse()
    made.looked(KEY, is_busy=True)
    made.forget(KEY)
    time.now = 10 * REST_SECONDS
    made.beat()
    assert woken == []
