"""Lines, tables and small words: widths in cells, what is cut, what gives way."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.cli.lines import Span, Tone, cells, clip, fill, line, plain, spread, width, wrap
from lockgate.cli.tables import Column, table
from lockgate.cli.words import duration, lasting, since, stamp

TEXT = st.text(st.sampled_from("ab é🚢語\u0301-"), max_size=30)


@pytest.mark.parametrize(
    ("text", "taken"), [("abc", 3), ("é", 1), ("🚢", 2), ("語", 2), ("e\u0301", 1), ("", 0), ("…", 1)]
)
def test_a_text_takes_as_many_cells_as_a_terminal_gives_it(text: str, taken: int):
    assert cells(text) == taken


@given(st.lists(TEXT, max_size=4), st.integers(0, 40))
def test_what_is_clipped_fits_and_what_fits_is_left_alone(texts: list[str], room: int):
    whole = line(*texts)
    clipped = clip(whole, room)
    assert width(clipped) <= room
    if width(whole) <= room:
        assert clipped == whole
    elif room > 0:
        assert plain(clipped).endswith("…")


@given(TEXT, st.integers(0, 40))
def test_what_is_filled_takes_just_so_much(text: str, room: int):
    assert width(fill(line(text), room)) == max(room, cells(text))


@given(TEXT, st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_no_word_that_fits(text: str, room: int):
    lines = wrap(text, room)
    assert all(width(shown) <= room for shown in lines)
    if all(cells(word) <= room for word in text.split()):
        assert " ".join(map(plain, lines)).split() == text.split()


def test_a_tone_outlives_a_cut():
    assert clip(line("ab", Span("cdef", Tone.BAD)), 4) == (Span("ab"), Span("c…", Tone.BAD))


def test_nothing_stands_behind_the_last_cell():
    assert plain(spread([line("a"), line(""), line("")], [3, 3, 3])) == "a"


COLUMNS = (Column(name="NAME", least=4), Column(name="AGE", rank=2), Column(name="WHY", least=5, rank=1))
ROWS = [[line("a-long-name"), line("3d"), line("it is so")]]


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (None, ["NAME          AGE   WHY", "a-long-name   3d    it is so"]),
        (26, ["NAME         AGE  WHY", "a-long-name  3d   it is so"]),
        (20, ["NAME    AGE  WHY", "a-lon…  3d   it is…"]),
        (16, ["NAME  AGE  WHY", "a-l…  3d   it i…"]),
        (12, ["NAME   WHY", "a-lo…  it i…"]),
        (8, ["NAME", "a-long-…"]),
    ],
)
def test_a_table_cuts_the_widest_first_and_then_drops_whole_columns(room: int | None, shown: list[str]):
    assert [plain(row) for row in table(COLUMNS, ROWS, room)] == shown


def test_a_column_in_which_nothing_stands_is_left_out():
    rows = [[line("a"), line(""), line("so")]]
    assert plain(table(COLUMNS, rows, None)[0]).split() == ["NAME", "WHY"]


def test_the_last_text_of_a_row_goes_on_below_itself():
    rows = [[line("a"), line("3d"), line("one two three four five six")]]
    assert [plain(row) for row in table(COLUMNS, rows, 22, lines=2)] == [
        "NAME  AGE  WHY",
        "a     3d   one two",
        "           three four…",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (130, "2m10s"),
        (700, "11m"),
        (7300, "2h01m"),
        (36001, "10h"),
        (2e5, "2d"),
    ],
)
def test_lengths_are_told_as_kubectl_tells_ages(seconds: float, said: str):
    assert lasting(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("text", "length"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1d2h", 93600)]
)
def test_lengths_are_read_as_people_write_them(text: str, length: int):
    assert duration(text) == timedelta(seconds=length)


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "-5m", "1.5h", "5m 3s"])
def test_what_is_no_length_is_refused(text: str):
    with pytest.raises(ValueError, match="write one such as 30s, 5m or 1h30m"):
        duration(text)


def test_moments_are_told_in_utc_and_those_that_are_not_known_not_at_all():
    moment = datetime(2026, 1, 5, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(moment) == "2026-01-05 18:30"
    assert (stamp(None), since(None, moment)) == ("", "")
