"""What was heard when, and what that says of the watch."""

import pytest

from lockgate.domain.resources import HTTP_ROUTE, MODEL_DEPLOYMENT, MODEL_RUNTIME, POD, WATCHED
from lockgate.kube import session
from lockgate.watch import wire
from lockgate.watch.hearing import RENEWALS_PER_SECOND, RENEWED_SECONDS, Feed, Hearing, feeds_of
from lockgate.work import queue


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_one_feed_a_kind_and_namespace_and_one_for_a_kind_without():
    assert len(feeds_of(())) == len(WATCHED)
    feeds = feeds_of(("a", "b"))
    assert Feed(MODEL_RUNTIME) in feeds
    assert Feed(POD, "a") in feeds
    assert Feed(POD) not in feeds
    assert len(feeds) == 2 * len(WATCHED) - 1


def test_what_was_never_heard_is_deaf_from_the_beginning(clock: Clock):
    hearing = Hearing(feeds_of(()), clock)
    assert set(hearing.deaf_kinds()) == set(WATCHED)
    clock.now += 7
    assert hearing.blind_seconds() == 7


def test_a_kind_that_a_cluster_may_lack_makes_nobody_blind(clock: Clock):
    hearing = Hearing(feeds_of(()), clock)
    for feed in hearing.feeds:
        hearing.heard(feed)
    hearing.add(feeds_of((), [HTTP_ROUTE]))
    assert hearing.at_path("/apis/gateway.networking.k8s.io/v1/httproutes") == Feed(HTTP_ROUTE)
    assert hearing.deaf() == (Feed(HTTP_ROUTE),)
    assert (hearing.deaf_kinds(), hearing.blind_seconds()) == ((), 0.0)
    hearing.heard(Feed(HTTP_ROUTE))
    assert hearing.deaf() == ()


def test_a_feed_is_deaf_some_time_after_it_was_last_heard(clock: Clock):
    hearing = Hearing(feeds_of(()), clock)
    for feed in hearing.feeds:
        hearing.heard(feed)
    clock.now += hearing.deaf_after
    assert hearing.deaf() == ()
    assert hearing.blind_seconds() == 0.0
    clock.now += 1
    assert len(hearing.deaf()) == len(WATCHED)
    assert hearing.blind_seconds() == hearing.deaf_after + 1


def test_what_fails_again_and_again_is_no_sign_of_life(clock: Clock):
    hearing = Hearing(feeds_of(()), clock)
    for feed in hearing.feeds:
        hearing.heard(feed)
    for _ in range(60):
        clock.now += 5
        for feed in hearing.feeds:
            hearing.failed(feed, 403)
    assert hearing.blind_seconds() == 300


def test_a_namespace_that_is_deaf_is_no_blind_kind(clock: Clock):
    hearing = Hearing(feeds_of(("a", "b")), clock)
    for feed in hearing.feeds:
        if feed.namespace != "b":
            hearing.heard(feed)
    assert {feed.namespace for feed in hearing.deaf()} == {"b"}
    assert hearing.deaf_kinds() == ()


def test_a_silent_stream_is_given_up_before_its_feed_counts_as_deaf(clock: Clock):
    hearing = Hearing(feeds_of(()), clock)
    assert RENEWED_SECONDS <= hearing.renewed_seconds < hearing.silent_after < hearing.deaf_after <= 12


def test_whatever_a_server_that_returns_left_hanging_is_let_go_within_fifteen_seconds(clock: Clock):
    hearing, longest_pause = Hearing(feeds_of(()), clock), wire._PAUSES_SECONDS[-1]
    promised = 15.0
    # A stream that died without a word, and the request that opens the next one.
    assert hearing.silent_after + wire._PAUSES_SECONDS[0] + 1 < promised
    # A request for a stream or a list that was sent into the void, and the pause after it.
    assert wire.HEADERS_SECONDS + longest_pause + 1 < promised
    # A write that was sent into the void, and the pause after it.
    assert promised > session.REQUEST_SECONDS + queue.BACKOFF_BASE_SECONDS + 1


def test_many_feeds_are_renewed_no_oftener_than_a_rate(clock: Clock):
    hearing = Hearing(feeds_of(f"n{number}" for number in range(100)), clock)
    assert len(hearing.feeds) / hearing.renewed_seconds <= RENEWALS_PER_SECOND + 0.1


def test_a_list_or_a_silence_leaves_a_gap_and_a_short_cut_does_not(clock: Clock):
    hearing = Hearing(feeds_of(()), clock)
    feed = Feed(POD)
    hearing.heard(feed)
    assert hearing.gap_at(feed) is None
    hearing.failed(feed)
    clock.now += 1
    hearing.heard(feed)
    assert hearing.gap_at(feed) is None
    hearing.failed(feed, 503)
    assert hearing.refused(feed) == 503
    clock.now += 10
    hearing.heard(feed)
    assert hearing.refused(feed) is None
    assert hearing.gap_at(feed) == clock.now
    clock.now += 5
    hearing.listed(feed)
    assert hearing.gap_at(feed) == clock.now


def test_two_streams_that_ended_without_a_word_leave_a_gap_and_one_does_not(clock: Clock):
    hearing, feed = Hearing(feeds_of(()), clock), Feed(POD)
    hearing.listed(feed)
    listed_at = clock.now
    for silent in (True, False, True):
        clock.now += 5
        hearing.over(feed, silent)
        assert hearing.gap_at(feed) == listed_at
    clock.now += 5
    hearing.over(feed, True)
    assert hearing.gap_at(feed) == clock.now


def test_where_nothing_has_happened_a_stream_has_nothing_to_say_however_often(clock: Clock):
    hearing, feed = Hearing(feeds_of(()), clock), Feed(POD)
    hearing.listed(feed)
    listed_at = clock.now
    for _ in range(10):
        hearing.opened(feed, "40")
        clock.now += 5
        hearing.over(feed, True)
        assert hearing.is_in_doubt(feed)
        hearing.is_at(feed, "40")
        assert not hearing.is_in_doubt(feed)
    assert hearing.gap_at(feed) == listed_at


@pytest.mark.parametrize("version", ["41", None])
def test_a_stream_that_keeps_silent_although_something_has_happened_leaves_a_gap(clock: Clock, version):
    hearing, feed = Hearing(feeds_of(()), clock), Feed(POD)
    hearing.listed(feed)
    hearing.opened(feed, "40")
    hearing.over(feed, True)
    hearing.is_at(feed, version)
    clock.now += 5
    hearing.opened(feed, "40")
    hearing.over(feed, True)
    assert hearing.gap_at(feed) == clock.now
    assert not hearing.is_in_doubt(feed)


def test_what_is_seen_may_be_behind_from_the_first_failure_on_until_something_is_heard(clock: Clock):
    hearing = Hearing(feeds_of(("growth", "risk")), clock)
    ours, others = Feed(MODEL_DEPLOYMENT, "growth"), Feed(MODEL_DEPLOYMENT, "risk")
    hearing.heard(ours)
    hearing.heard(others)
    assert not hearing.is_behind(MODEL_DEPLOYMENT, "growth")
    hearing.failed(ours)
    assert hearing.is_behind(MODEL_DEPLOYMENT, "growth")
    assert not hearing.is_behind(MODEL_DEPLOYMENT, "risk")
    hearing.heard(ours)
    assert not hearing.is_behind(MODEL_DEPLOYMENT, "growth")
    clock.now += hearing.silent_after + 1
    assert hearing.is_behind(MODEL_DEPLOYMENT, "growth")


def test_where_all_namespaces_are_watched_together_they_are_behind_together(clock: Clock):
    hearing = Hearing(feeds_of(()), clock)
    hearing.failed(Feed(MODEL_DEPLOYMENT))
    assert hearing.is_behind(MODEL_DEPLOYMENT, "growth")
    assert not hearing.is_behind(POD, "growth")
