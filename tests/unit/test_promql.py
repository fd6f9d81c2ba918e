"""Filling in a PromQL text: what is put in never says more than a name, and what cannot be is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.api.promql import filled, places_of, unknown_places

KNOWN = {"namespace": "growth", "name": "churn", "release": "e761db1f", "window": "30s"}
TEXT = 'sum(rate(x{namespace="$namespace",name=~"$name",release=\'$release\'}[$window]))'
HOSTILE = [
    'x"} or vector(0) #',
    "x'} or vector(0) #",
    "x`} or vector(0) #",
    'x\\"',
    "x\n",
    "x|.*",
    ".*",
    "$name",
    "$release",
    "{}",
    "",
    " x",
    "x ",
    "x]",
    "-",
    "x-",
    "ünïcode",
    "x\u2028y",
    "a" * 65,
]


def test_every_place_is_filled():
    assert filled(TEXT, KNOWN) == ('sum(rate(x{namespace="growth",name=~"churn",release=\'e761db1f\'}[30s]))')


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", KNOWN)
def test_a_value_that_might_break_out_of_a_matcher_is_never_put_in(place, value):
    with pytest.raises(ValueError, match=f"^{place} is no value that could be put into a PromQL text$"):
        filled(TEXT, KNOWN | {place: value})


@given(st.text(max_size=70))
def test_whatever_is_put_in_consists_of_letters_digits_and_dashes(value):
    try:
        text = filled('x{release="$release"}', {"release": value})
    except ValueError:
        return
    assert text == f'x{{release="{value}"}}'
    assert value
    assert set(value) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


def test_a_place_for_which_there_is_no_value_is_no_empty_text():
    with pytest.raises(ValueError, match="window"):
        filled("rate(x[$window])", {"name": "churn"})


def test_a_value_is_not_read_for_places():
    with pytest.raises(ValueError, match="name"):
        filled("$name", {"name": "$release", "release": "x"})


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        (TEXT, ()),
        ("rate(x[$__rate_interval])", ("$__rate_interval",)),
        ("$names + $Name", ("$names", "$Name")),
        ("${name} ${release}", ("${name}", "${release}")),
        ("$x $x $y", ("$x", "$y")),
        ('label_replace(x, "a", "$1-${2}", "b", "(.*)-(.*)")', ()),
        ('x{code=~"5..$"}', ()),
        ("", ()),
    ],
)
def test_what_cannot_be_filled_in_is_found_as_it_is_written(text, unknown):
    assert unknown_places(text) == unknown


def test_what_is_promqls_own_stays():
    text = 'label_replace(x{a=~"^$"}, "a", "$1-${2}", "b", "(.*)-(.*)")'
    assert filled(text, {}) == text
    assert places_of(text) == frozenset()
