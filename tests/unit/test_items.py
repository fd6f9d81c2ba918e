"""A list that is read object by object holds what it holds when it is read as a whole."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fakes.json_values import anything_in_json

from lockgate.domain.resources import POD
from lockgate.errors import ClusterUnavailable
from lockgate.kube.answers import Answer, page_of
from lockgate.kube.items import read_list

fields = st.dictionaries(
    st.text(max_size=5) | st.sampled_from(["kind", "metadata", "items", "apiVersion"]), anything_in_json
)
lists = st.builds(
    lambda before, metadata, items, after: {**before, "metadata": metadata, "items": items, **after},
    fields,
    anything_in_json,
    st.lists(anything_in_json, max_size=4),
    st.dictionaries(st.text(max_size=5), anything_in_json, max_size=2),
)


def read(text: str) -> tuple[Any, list[Any]]:
    head, items = read_list(text.encode(errors="surrogatepass"))
    return head, list(items)


@given(lists, st.sampled_from([None, 1, "\t"]), st.booleans())
@example({"metadata": {}, "items": []}, None, True)
@example({"items": [1], "metadata": {}}, 1, False)
def test_a_list_is_what_it_is_as_a_whole_however_it_is_spaced(whole: Any, indent: Any, ascii_only: bool):
    text = json.dumps(whole, indent=indent, ensure_ascii=ascii_only) + "\n"
    head, items = read(text)
    wanted = json.loads(text)
    assert repr(items) == repr(wanted.pop("items"))
    # What follows the items is checked and not kept.
    assert repr(head) == repr({name: wanted[name] for name in wanted if name in head})
    assert "metadata" in head


@given(lists, st.data())
def test_what_json_refuses_as_a_whole_is_refused_in_the_end(whole: Any, data: st.DataObject):
    text = json.dumps(whole)
    place = data.draw(st.integers(0, len(text)))
    broken = text[:place] + data.draw(st.sampled_from(["", "}", "]", ",", '"', "x", "{"])) + text[place + 1 :]
    try:
        json.loads(broken)
    except ValueError:
        with pytest.raises(ValueError):
            read(broken)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"items": 3, "metadata": {}}', "{}}", '{"a":1 "b":2}'])
def test_what_is_no_list_is_refused(text: str):
    with pytest.raises(ValueError):
        read(text)


def test_what_is_nested_without_end_is_no_list():
    with pytest.raises(ValueError):
        read('{"metadata": {}, "items": [' + "[" * 200_000)


@pytest.mark.parametrize("items", ["null", "[]"])
def test_an_empty_list_has_no_items(items: str):
    assert read(f'{{"kind": "PodList", "metadata": {{"resourceVersion": "7"}}, "items": {items}}}')[1] == []


def pods(number: int) -> bytes:
    pod = {"metadata": {"name": "p", "resourceVersion": "1"}, "spec": [{"name": str(n)} for n in range(200)]}
    return json.dumps({"metadata": {"resourceVersion": "7"}, "items": [pod] * number}).encode()


def test_a_page_is_never_in_memory_as_objects():
    page = page_of(Answer(200, pods(200), None), "list pods", POD)
    tracemalloc.start()
    try:
        assert sum(1 for _ in page.items) == 200
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_item_that_is_no_object_and_a_page_without_an_end_are_no_answer():
    for raw in (pods(2).replace(b'"name": "p"', b'"name": 3', 1), pods(2)[:-4]):
        page = page_of(Answer(200, raw, None), "list pods", POD)
        with pytest.raises(ClusterUnavailable):
            list(page.items)
