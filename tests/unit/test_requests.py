"""A request is one line that a person can type: what it says, what is refused, and what a status repeats."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lockgate.api.requests import (
    REQUEST_LIMIT,
    LastRequest,
    Request,
    RequestOutcome,
    Verb,
    acknowledged,
    format_request,
    parse_request,
)
from lockgate.api.status_codec import parse_status, to_dict

HEX = st.text("0123456789abcdef", min_size=8, max_size=8)
WORD = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from("#by"), min_size=1, max_size=12
) | st.sampled_from(["by", "because", "approve", "#0badcafe", "3fa9c1d2"])
PROSE = st.lists(WORD, min_size=1, max_size=6).map(" ".join)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    fields = {
        "verb": draw(st.sampled_from(Verb)),
        "release": draw(st.none() | HEX),
        "by": draw(st.none() | PROSE),
        "reason": draw(st.none() | PROSE),
        "token": draw(st.none() | HEX),
    }
    try:
        return Request(**fields)
    except ValueError:
        assume(False)
        raise


@given(requests())
def test_what_is_written_is_read_back(request: Request):
    assert parse_request(format_request(request)) == request


@given(st.text(max_size=60) | st.lists(WORD, max_size=8).map(" ".join))
def test_any_text_is_a_request_or_refused_with_a_sentence(text: str):
    refused = ""
    try:
        request = parse_request(text)
        assert request.text == text
        assert parse_request(format_request(request)).verb is request.verb
    except ValueError as error:
        refused = str(error)
    assert refused.isprintable()
    assert len(refused) < 400


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("approve 3fa9c1d2", {"verb": Verb.APPROVE, "release": "3fa9c1d2"}),
        ("promote", {"verb": Verb.PROMOTE}),
        ("abort because latency doubled", {"verb": Verb.ABORT, "reason": "latency doubled"}),
        ("retry by jane", {"verb": Verb.RETRY, "by": "jane"}),
        (
            "  approve   3fa9c1d2 by Jane Doe because  it is by far the best, see #12 #0badcafe",
            {
                "verb": Verb.APPROVE,
                "release": "3fa9c1d2",
                "by": "Jane Doe",
                "reason": "it is by far the best, see #12",
                "token": "0badcafe",
            },
        ),
        ("abort #0badcafe", {"verb": Verb.ABORT, "token": "0badcafe"}),
        ("abort because of because", {"verb": Verb.ABORT, "reason": "of because"}),
        (
            "promote by system:serviceaccount:ci:deployer",
            {"verb": Verb.PROMOTE, "by": "system:serviceaccount:ci:deployer"},
        ),
    ],
)
def test_a_line_typed_by_hand_says_what_it_seems_to_say(text: str, fields: dict[str, object]):
    assert parse_request(text) == Request(**fields, text=text)


@pytest.mark.parametrize(
    ("text", "taught"),
    [
        (
            "",
            "it is empty; write VERB [RELEASE] [by WHO] [because WHY] [#TOKEN], with one of approve, promote",
        ),
        ("aprove 3fa9c1d2", '"aprove" is nothing that can be asked for'),
        ("Promote", '"Promote" is nothing that can be asked for'),
        ("approve", "an approval is for one release; write it after the word, as in: approve 3fa9c1d2"),
        ("approve by jane", "an approval is for one release"),
        ("approve 3FA9C1D2", '"3FA9C1D2" is no release; write the eight digits of status.candidate.release'),
        ("abort latency doubled", "a reason after because, as in: abort 3fa9c1d2 because"),
        ("abort 3fa9c1d2 now", 'nothing is known of "now" there'),
        ("abort #42", '"#42" is no token; write # and eight of 0-9a-f at the very end'),
        ("abort by", "nothing readable stands after by"),
        ("abort by because x", "nothing readable stands after by"),
        ("abort because", "nothing readable stands after because"),
        ("abort\nbecause x", "characters that cannot be seen"),
        ("abort because \x1b[2Jx", "characters that cannot be seen"),
        ("abort because x\u202e", "characters that cannot be seen"),
        ("abort because " + "x" * REQUEST_LIMIT, "it has 526 characters; write at most 512"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_way_to_write_it(text: str, taught: str):
    with pytest.raises(ValueError, match=re.escape(taught)):
        parse_request(text)


@pytest.mark.parametrize(
    ("fields", "taught"),
    [
        ({"reason": "as in #0badcafe"}, "is read as a token; add a word after it"),
        ({"by": "#0badcafe"}, "is read as a token; add a word after it"),
        ({"by": "one because of"}, "who asks cannot be called because"),
        ({"release": "3fa9"}, 'the release "3fa9" is not eight of 0-9a-f'),
        ({"token": "x"}, 'the token "x" is not eight of 0-9a-f'),
        ({"reason": "two  spaces"}, "nothing readable stands after because"),
        ({"reason": "two\nlines"}, "nothing readable stands after because"),
        ({"reason": "x" * REQUEST_LIMIT}, "it has 526 characters"),
    ],
)
def test_what_no_line_can_say_is_refused_before_it_is_written(fields: dict[str, str], taught: str):
    with pytest.raises(ValueError, match=re.escape(taught)):
        Request(verb=Verb.ABORT, **fields)


def test_a_token_makes_a_reason_that_ends_like_one_unambiguous():
    request = Request(verb=Verb.ABORT, reason="as in #0badcafe", token="12345678")
    assert parse_request(request.text) == request


def test_a_status_repeats_a_request_as_it_was_written():
    text = "approve  3fa9c1d2   by jane"
    answer = LastRequest(request=text, outcome=RequestOutcome.ACCEPTED, message="v3 goes on")
    assert answer.request == acknowledged(text) == text


def test_a_status_repeats_what_is_no_request_as_far_as_it_fits():
    text = "abort\x1b[2J" + "x" * 600
    answer = LastRequest(request=text, outcome=RequestOutcome.REFUSED, message="m" * 2000)
    assert answer.request == acknowledged(text)
    assert answer.request.isprintable()
    assert len(answer.request) == REQUEST_LIMIT
    assert len(answer.message) == 500


@pytest.mark.parametrize(
    "raw", [{"request": "abort"}, {"request": "abort", "outcome": "Maybe"}, "abort", None, []]
)
def test_an_answer_that_makes_no_sense_is_absent(raw: object):
    assert parse_status({"lastRequest": raw}).last_request is None


def test_an_answer_survives_being_written_and_read():
    answer = LastRequest(request="promote", outcome=RequestOutcome.REFUSED, message="nothing rolls out")
    status = parse_status(
        {"lastRequest": {"request": "promote", "outcome": "Refused", "message": answer.message}}
    )
    assert status.last_request == answer
    assert parse_status(to_dict(status)) == status
