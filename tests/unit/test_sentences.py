"""Whatever strangers write, what people read is short, on one line and shows what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.builders import T0, revision

from lockgate.api.conditions import ConditionStatus, Verdict
from lockgate.api.status import Failure, HistoryEntry, Outcome
from lockgate.errors import ArtifactRejected, InvalidSpec
from lockgate.names import ConditionType, Reason
from lockgate.report.events import Notice, Severity
from lockgate.sentences import CAUSE_LIMIT, NOTE_LIMIT_BYTES, SENTENCE_LIMIT, listed, sentence

anything = st.text(st.characters(), max_size=5000) | st.sampled_from(
    ["\x1b]0;owned\x07", "\u202edesrever", "\ud800" * 3000, "\U0001f6a2" * 3000, "a\nb\r\n", "", "\u2028"]
)


def is_fit_to_read(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isprintable()


@given(anything)
def test_whatever_enters_a_condition_or_an_error_is_fit_to_read(text):
    told = Verdict(
        type=ConditionType.READY, status=ConditionStatus.FALSE, reason=Reason.INVALID_SPEC, message=text
    )
    assert is_fit_to_read(told.message, SENTENCE_LIMIT)
    assert is_fit_to_read(ArtifactRejected(text).message, SENTENCE_LIMIT)
    assert is_fit_to_read(InvalidSpec(text, text).message, SENTENCE_LIMIT)


@given(anything)
def test_whatever_is_kept_of_the_past_is_fit_to_read(text):
    entry = HistoryEntry(revision=revision(1), outcome=Outcome.ABORTED, finished_at=T0, message=text)
    assert is_fit_to_read(entry.message or "", CAUSE_LIMIT)
    assert is_fit_to_read(
        Failure(revision=revision(1), recipe="0" * 16, reason=Reason.FETCH_FAILED, message=text).message,
        CAUSE_LIMIT,
    )


@given(anything)
def test_whatever_is_noted_fits_an_event_in_bytes(text):
    noted = Notice(severity=Severity.WARNING, reason=Reason.FETCH_FAILED, note=text).note
    assert 0 < len(noted.encode()) <= NOTE_LIMIT_BYTES
    assert noted.isprintable()


def test_ordinary_words_stay_as_they_are():
    words = "v2 was aborted: 100 % of it — naïve, “quoted”, 模型"
    assert sentence(words) == words


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        ([f"s{number}" for number in range(31)], "s0, s1, s2 and 28 more"),
    ],
)
def test_a_list_names_a_few_and_counts_the_rest(names, said):
    assert listed(names) == said
