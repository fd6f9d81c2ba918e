"""What the client's process answers, and complains of: read whatever it is, and shown without secrets."""

import base64
import contextlib
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch import download, space
from lockgate.fetch.download import read_answer
from lockgate.fetch.manifest import Entry, check_manifest
from lockgate.fetch.secrets import blanked

KEY = "0123456789abcdef/+0123456789ABCDEF012345"
ENTRY = {"path": "m", "size": 1, "digest": "x", "algorithm": "md5", "reference": None}
anything_in_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def problem(text: str) -> FetchProblem:
    with pytest.raises(FetchProblem) as told:
        read_answer(text)
    return told.value


class TestReading:
    def test_entries_come_back_as_they_were_told(self) -> None:
        assert read_answer(json.dumps({"entries": [ENTRY]})) == [Entry(path="m", size=1, digest="x")]

    @pytest.mark.parametrize(
        "text",
        [
            "[" * 100_000,
            "5",
            "null",
            '"reason"',
            "[]",
            '{"entries": 5}',
            '{"entries": ["m"]}',
            '{"entries": [{}]}',
            '{"reason": "Unheard", "message": "x"}',
            '{"reason": ["CorruptFile"], "message": "x"}',
            json.dumps({"entries": [ENTRY | {"size": "1"}]}),
            json.dumps({"entries": [ENTRY | {"algorithm": "rot13"}]}),
            '{"entries": [{"size": ' + "9" * 5000 + "}]}",
        ],
        ids=lambda text: text[:40],
    )
    def test_an_answer_that_is_none_is_a_defect_and_not_an_outage(self, text: str) -> None:
        told = problem(text)
        assert told.reason is FetchReason.INTERNAL_ERROR
        assert "memory" not in told.message

    def test_only_silence_is_taken_for_a_lack_of_memory(self) -> None:
        assert "memory" in problem("").message

    @given(anything_in_json)
    def test_whatever_it_is_it_is_read_or_refused(self, document: object) -> None:
        with contextlib.suppress(FetchProblem):
            assert read_answer(json.dumps(document)) == []


@pytest.mark.parametrize("size", ["5", "", True, 1.0, float("nan"), None, [], -1, 10**30])
def test_a_size_that_is_no_count_is_refused_for_good(size: Any) -> None:
    with pytest.raises(FetchProblem, match="does not tell the size of 'm'") as refused:
        check_manifest([Entry(path="m", size=size, digest="x")], max_bytes=10**40, max_files=1)
    assert refused.value.reason is FetchReason.CORRUPT_FILE


def test_a_defect_of_ours_is_told_by_its_name_and_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: dict[str, Any]) -> list[Entry]:
        raise TypeError("unsupported")

    monkeypatch.setattr(download, "source_of", broken)
    answer = download._answer({"uri": "wandb://acme"})
    assert answer["reason"] == "InternalError"
    assert "TypeError" in answer["message"]
    assert "Traceback" in capsys.readouterr().err


class TestSpace:
    def needs(self, monkeypatch: pytest.MonkeyPatch, needed: int, *, total: int, free: int) -> None:
        volume = SimpleNamespace(total=total, free=free)
        monkeypatch.setattr(space.shutil, "disk_usage", lambda _: volume)
        space.check_space("/models", needed)

    def test_a_large_version_leaves_a_tenth_of_the_volume_free(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs(monkeypatch, 500, total=1000, free=600)
        with pytest.raises(FetchProblem, match="500 bytes and 100 must stay free") as refused:
            self.needs(monkeypatch, 500, total=1000, free=599)
        assert refused.value.reason is FetchReason.NO_SPACE

    def test_a_small_version_is_not_refused_for_what_others_filled(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.needs(monkeypatch, 5, total=1000, free=10)


class TestSecrets:
    @pytest.mark.parametrize("before", ["", "a", "ab", "api:", "viewer:"])
    @pytest.mark.parametrize("encode", [base64.standard_b64encode, base64.urlsafe_b64encode])
    def test_a_key_in_base64_is_blanked_wherever_it_stands(self, before: str, encode: Any) -> None:
        spelled = encode(f"{before}{KEY}{before}".encode()).decode()
        shown = blanked(f"sent {spelled} to it", KEY)
        assert shown.startswith("sent ")
        # No six characters in a row are left of it: they would be four bytes of the key.
        core = spelled[len(before) * 4 // 3 + 2 : -(len(before) * 4 // 3 + 4)]
        assert not [core[at : at + 6] for at in range(len(core) - 6) if core[at : at + 6] in shown]

    @pytest.mark.parametrize(
        "text",
        [KEY, quote(KEY, safe=""), KEY.encode().hex(), f"https://api:{KEY}@host/path", f"x{KEY}{KEY}"],
    )
    def test_a_key_is_blanked_however_it_is_spelled(self, text: str) -> None:
        assert text[5:30] not in blanked(f"GET {text} failed", KEY)

    def test_what_signs_an_address_is_blanked_and_where_it_leads_is_not(self) -> None:
        said = "GET https://store.example/b/o?X-Amz-Signature=abc123&X-Amz-Date=1 giving up after 3 attempts"
        assert blanked(said, KEY) == "GET https://store.example/b/o?... giving up after 3 attempts"

    @pytest.mark.parametrize(
        "line",
        [
            "Authorization: Basic c2VjcmV0",
            "'authorization': 'Bearer c2VjcmV0'",
            "Proxy-Authorization=c2VjcmV0",
        ],
    )
    def test_headers_that_prove_who_asks_are_blanked(self, line: str) -> None:
        assert "c2VjcmV0" not in blanked(f"before\n{line}\nafter", KEY)
        assert blanked(f"before\n{line}\nafter", KEY).endswith("\nafter")

    def test_a_password_in_an_address_is_blanked(self) -> None:
        assert blanked("proxy http://user:hidden@proxy:3128/ is down", KEY) == (
            "proxy http://...@proxy:3128/ is down"
        )

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_an_empty_key_blanks_nothing_by_accident(self, text: str) -> None:
        plain = text.replace("?", "").replace("@", "").replace(":", "").replace("=", "")
        assert blanked(plain, "") == plain
