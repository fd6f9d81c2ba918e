"""What people ask reaches the operator as it was meant, and its answer reaches them, or why there is none."""

import pytest
from tests.fakes import looks
from tests.fakes.person import Person, a_person

from lockgate.api.requests import parse_request
from lockgate.cli.failing import Exit

ANNOTATION = "lockgate.dev/request"
SOON = ("--timeout", "1s")


def request_of(person: Person, name: str = "churn") -> str:
    return person.api.objects["modeldeployments", "growth", name]["metadata"]["annotations"].get(
        ANNOTATION, ""
    )


def answers(person: Person, outcome: str, message: str) -> None:
    """From now on an operator answers each request so."""

    def patched(obj: looks.Json) -> None:
        last = {"request": obj["metadata"]["annotations"][ANNOTATION], "outcome": outcome, "message": message}
        person.api.status("churn", lastRequest=last)

    person.api.patched = patched


async def test_an_approval_is_bound_to_the_candidate_that_is_there_and_names_who_asked():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        answers(person, "Accepted", "v13 goes on to 50 % of the traffic")
        assert await person.types("approve", "churn", "--reason", "latency is well") is Exit.DONE
        request = parse_request(request_of(person))
        assert (request.verb.value, request.release) == ("approve", "3fa9c1d2")
        assert (request.by, request.reason) == ("jane@example.com", "latency is well")
        assert person.said.splitlines() == [
            "churn: asked to approve v13 (release 3fa9c1d2)",
            "churn: accepted: v13 goes on to 50 % of the traffic",
        ]


async def test_a_refusal_of_the_operator_is_told_and_ends_with_one():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        answers(person, "Refused", "step 2 of 4 waits for no approval")
        assert await person.types("approve", "churn") is Exit.REFUSED
        assert person.said.splitlines()[-1] == "churn: refused: step 2 of 4 waits for no approval"


async def test_two_requests_with_the_same_words_are_two_requests():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        answers(person, "Accepted", "so be it")
        await person.types("abort", "churn")
        first = request_of(person)
        await person.types("abort", "churn")
        assert request_of(person) != first
        assert request_of(person).rpartition("#")[0] == first.rpartition("#")[0]


async def test_an_answer_to_another_request_is_no_answer():
    async with a_person() as person:
        old = {"request": "abort #00000000", "outcome": "Accepted", "message": "long ago"}
        person.api.put("modeldeployments", looks.canary(lastRequest=old))
        assert await person.types("abort", "churn", *SOON) is Exit.UNANSWERED
        assert person.error.startswith("the operator has not answered for 1s; the request stays")
        assert "kubectl annotate mdep churn -n growth lockgate.dev/request-" in person.error


async def test_a_request_of_somebody_else_that_waits_is_not_written_over():
    async with a_person() as person:
        obj = looks.canary()
        obj["metadata"]["annotations"][ANNOTATION] = "promote by joe #00000000"
        person.api.put("modeldeployments", obj)
        assert await person.types("abort", "churn", *SOON) is Exit.UNANSWERED
        assert 'for 1s: "promote by joe #00000000"; --replace puts yours' in person.error
        assert request_of(person) == "promote by joe #00000000"
        answers(person, "Accepted", "back to v12")
        assert await person.types("abort", "churn", "--replace") is Exit.DONE
        assert request_of(person).startswith("abort 3fa9c1d2 by jane@example.com #")


async def test_a_request_follows_as_soon_as_that_of_somebody_else_is_answered():
    async with a_person() as person:
        obj = looks.canary()
        obj["metadata"]["annotations"][ANNOTATION] = "promote by joe #00000000"
        person.api.put("modeldeployments", obj)
        answers(person, "Accepted", "so be it")
        real = person.door.watch

        async def watch(*given, **more):
            # The operator answers while the tool already looks.
            last = {"request": "promote by joe #00000000", "outcome": "Refused", "message": "no"}
            person.api.status("churn", lastRequest=last)
            async for event in real(*given, **more):
                yield event

        person.door.watch = watch
        assert await person.types("abort", "churn") is Exit.DONE
        assert request_of(person).startswith("abort 3fa9c1d2")


async def test_a_request_that_is_written_over_before_its_answer_is_not_waited_for():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())

        def patched(obj: looks.Json) -> None:
            obj["metadata"]["annotations"][ANNOTATION] = "retry by joe"
            person.api.put("modeldeployments", obj)

        person.api.patched = patched
        assert await person.types("abort", "churn") is Exit.REFUSED
        assert person.error.startswith('somebody else asked before the operator answered: "retry by joe"')


async def test_a_request_meant_for_the_candidate_never_reaches_the_next_one():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        real = person.door.patch

        async def patch(*given, **more):
            # Between the look and the write another version takes the candidate's place.
            person.door.patch = real
            other = looks.named("v13") | {"version": "v14", "release": "0badcafe"}
            person.api.status("churn", candidate=other)
            return await real(*given, **more)

        person.door.patch = patch
        assert await person.types("promote", "churn", *SOON) is Exit.REFUSED
        assert (
            person.error == "what churn rolls out has changed in this very moment; look again, then ask again"
        )
        assert request_of(person) == ""


async def test_a_change_that_leaves_the_candidate_alone_is_no_reason_to_give_up():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        answers(person, "Accepted", "so be it")
        real = person.door.patch

        async def patch(*given, **more):
            person.door.patch = real
            person.api.status("churn", step="3/4")
            return await real(*given, **more)

        person.door.patch = patch
        assert await person.types("promote", "churn") is Exit.DONE


async def test_nothing_can_be_approved_where_nothing_is_rolled_out():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        assert await person.types("approve", "churn") is Exit.REFUSED
        assert person.error == (
            "nothing of churn is being rolled out that could be approved: v12 is rolled out"
        )
        assert person.api.asked("PATCH", "modeldeployments") == []


async def test_a_release_that_is_named_is_the_one_that_is_asked_for_even_if_another_is_there():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        assert await person.types("approve", "churn", "0badcafe", "--no-wait", "--by", "Jo Doe") is Exit.DONE
        request = parse_request(request_of(person))
        assert (request.release, request.by) == ("0badcafe", "Jo Doe")
        assert person.said == "churn: asked to approve release 0badcafe\n"


async def test_a_retry_is_for_what_was_aborted_and_not_for_what_is_rolled_out():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        await person.types("retry", "churn", "--no-wait")
        assert request_of(person).startswith("retry by jane@example.com #")


async def test_a_dry_run_is_checked_by_the_api_server_and_writes_nothing():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        assert await person.types("abort", "churn", "--dry-run") is Exit.DONE
        assert person.said == "churn: would be asked to abort v13 (release 3fa9c1d2) (dry run)\n"
        assert request_of(person) == ""
        assert person.api.asked("PATCH", "modeldeployments") == [
            {"fieldManager": "lockgate-cli", "dryRun": "All"}
        ]


async def test_who_the_api_server_does_not_know_is_called_as_in_the_kubeconfig():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        person.api.user = None
        await person.types("abort", "churn", "--no-wait")
        assert parse_request(request_of(person)).by == "of-the-kubeconfig"


@pytest.mark.parametrize(
    ("words", "taught"),
    [
        (("abort", "churn", "latency"), 'this cannot be asked: the release "latency" is not eight of 0-9a-f'),
        (("abort", "churn", "--by", "one because of"), "who asks cannot be called because"),
        (("abort", "churn", "--reason", "two\nlines"), "nothing readable stands after because"),
        (("abort", "churn", "--reason", "x" * 600), "characters; write at most 512"),
    ],
)
async def test_what_no_request_can_say_is_refused_before_anything_is_written(
    words: tuple[str, ...], taught: str
):
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        assert await person.types(*words) is Exit.REFUSED
        assert taught in person.error
        assert request_of(person) == ""


async def test_one_that_is_deleted_while_its_answer_is_waited_for_is_told():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        person.api.patched = lambda obj: person.api.delete("modeldeployments", "churn")
        assert await person.types("abort", "churn") is Exit.REFUSED
        assert person.error == "churn was deleted meanwhile"
