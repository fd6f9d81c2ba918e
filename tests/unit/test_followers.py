"""Followers: who follows what, and what each namespace may have asked of a registry that all share."""

from lockgate.domain.version import Alias, Reference
from lockgate.resolve.followers import Followers

A, B = ("growth", "a"), ("growth", "b")


def alias(name: str) -> Reference:
    return Reference(registry="model", collection="churn", wanted=Alias(name))


def test_a_deployment_follows_one_reference_at_a_time():
    followers = Followers()
    followers.follow(A, alias("production"))
    followers.follow(A, alias("production"))
    followers.follow(B, alias("production"))
    followers.follow(A, alias("staging"))
    assert (set(followers.of(alias("production"))), set(followers.of(alias("staging")))) == ({B}, {A})
    followers.forget(B)
    followers.forget(B)
    assert followers.references() == (alias("staging"),)
    assert followers.of(alias("production")) == ()


def test_a_namespace_with_thousands_of_references_is_asked_for_as_many_as_it_may_and_delays_nobody():
    followers = Followers(most_per_namespace=100)
    for number in range(4000):
        followers.follow(("aaa", str(number)), alias(f"made-up-{number:04}"))
    for name in ("growth", "ads"):
        followers.follow((name, "x"), alias(name))
    references = followers.references()
    assert len(references) == 102
    assert {alias("growth"), alias("ads")} < set(references[:3])
    assert followers.may_ask(("aaa", "99"))
    assert not followers.may_ask(("aaa", "100"))
    followers.forget(("aaa", "0"))
    assert followers.may_ask(("aaa", "100"))


def test_what_two_namespaces_follow_is_asked_once():
    followers = Followers()
    followers.follow(A, alias("production"))
    followers.follow(("ads", "a"), alias("production"))
    assert followers.references() == (alias("production"),)


def test_a_new_spec_needs_an_answer_that_is_younger_than_when_it_was_first_seen():
    followers = Followers()
    assert followers.follow(A, alias("production"), generation=1) is None
    assert followers.follow(A, alias("production"), generation=2, turn=7) == 7
    assert followers.follow(A, alias("production"), generation=2, turn=9) == 7
    assert followers.follow(A, alias("production"), generation=2) == 7
    assert followers.follow(A, alias("production"), generation=3, turn=9) == 9


def test_an_edit_that_leaves_the_reference_alone_follows_still_and_a_first_look_or_another_alias_does_not():
    followers = Followers()
    followers.follow(A, alias("production"), generation=1)
    assert not followers.follows_still(A)
    followers.follow(A, alias("production"), generation=2, turn=7)
    assert followers.follows_still(A)
    followers.follow(A, alias("staging"), generation=3, turn=8)
    assert not followers.follows_still(A)
    assert not followers.follows_still(B)
