"""Which signatures may take each other's place, and what hostile ones are told."""

import pytest

from lockgate.domain.signature import MOST_TENSORS, first_difference, read_signature


def tensor(name: str = "x", datatype: object = "FP32", shape: object = (-1, 4), **more: object):
    return {"name": name, "datatype": datatype, "shape": list(shape), **more}


def signature(*inputs: object, outputs: tuple[object, ...] = ()):
    return read_signature({"inputs": list(inputs), "outputs": list(outputs)})


@pytest.mark.parametrize(
    ("stable", "candidate"),
    [
        pytest.param(tensor(), tensor(), id="the-same"),
        pytest.param(tensor(shape=(8, 4)), tensor(shape=(-1, 4)), id="a-wider-input"),
        pytest.param(tensor(datatype="fp32"), tensor(), id="a-type-in-other-letters"),
        pytest.param(tensor(), tensor(required=False), id="an-input-that-may-now-be-left-out"),
    ],
)
def test_a_candidate_that_takes_what_stable_takes_differs_in_nothing(stable, candidate):
    assert first_difference(signature(stable), signature(candidate)) is None


@pytest.mark.parametrize(
    ("stable", "candidate", "told"),
    [
        (tensor(), tensor("y"), "input x of stable is missing in the candidate"),
        (tensor(), tensor(datatype="INT64"), "input x is FP32 in stable and INT64 in the candidate"),
        (tensor(), tensor(shape=(4,)), "input x has 2 dimensions in stable and 1 in the candidate"),
        (tensor(), tensor(shape=(8, 4)), "input x is [-1, 4] in stable, and the candidate takes [8, 4]"),
        (tensor(required=False), tensor(), "input x may be left out in stable and is required by"),
    ],
)
def test_the_first_difference_of_an_input_is_named(stable, candidate, told):
    assert (first_difference(signature(stable), signature(candidate)) or "").startswith(told)


def test_a_new_input_is_taken_only_where_it_may_be_left_out():
    stable = signature(tensor())
    assert first_difference(stable, signature(tensor(), tensor("new", required=False))) is None
    assert first_difference(stable, signature(tensor(), tensor("new"))) == (
        "input new is required by the candidate and unknown to stable"
    )


def test_an_output_may_become_narrower_and_never_wider():
    wide, narrow = signature(outputs=(tensor(),)), signature(outputs=(tensor(shape=(1, 4)),))
    assert first_difference(wide, narrow) is None
    assert first_difference(narrow, wide) == (
        "output x is [1, 4] in stable, and the candidate yields [-1, 4]"
    )


def test_an_output_more_disturbs_nobody_and_one_less_is_named():
    one, two = signature(outputs=(tensor(),)), signature(outputs=(tensor(), tensor("y")))
    assert first_difference(one, two) is None
    assert first_difference(two, one) == "output y of stable is missing in the candidate"


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("[]", "signature must be an object"),
        ({"inputs": []}, "signature.outputs must be a list"),
        ({"inputs": [tensor()] * (MOST_TENSORS + 1)}, "at most 256"),
        ({"inputs": [tensor(), tensor()]}, "names x twice"),
        ({"inputs": [3]}, r"inputs\[0\] must be an object"),
        ({"inputs": [tensor("a\x1b[31m")]}, r"inputs\[0\].name"),
        ({"inputs": [tensor(datatype=7)]}, r"inputs\[0\].datatype"),
        ({"inputs": [tensor(shape=(True,))]}, r"inputs\[0\].shape"),
        ({"inputs": [tensor(shape=(float("nan"),))]}, r"inputs\[0\].shape"),
        ({"inputs": [tensor(shape=(-2,))]}, r"inputs\[0\].shape"),
        ({"inputs": [tensor(shape=(1,) * 17)]}, r"inputs\[0\].shape"),
        ({"inputs": [tensor(required="no")]}, r"inputs\[0\].required"),
    ],
)
def test_what_is_no_signature_is_told_where(declared, told):
    with pytest.raises(ValueError, match=told):
        read_signature(declared)
