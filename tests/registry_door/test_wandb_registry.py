"""The registry's door on good days: what it finds, what it does not, and how often it asks."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.registry_door.asking import (
    ask,
    ask_one,
    client_processes,
    found,
    ref,
    told,
)
from tests.registry_door.conftest import MakeDoor
from tests.waiting import wait_until

from lockgate.domain.version import VersionFacts
from lockgate.errors import (
    AccessDenied,
    AliasNotFound,
    ArtifactPending,
    LockgateError,
    RegistryClientFailed,
    RegistryNotFound,
    VersionNotFound,
)
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry


class TestAnswers:
    def test_an_alias_means_a_version_with_all_that_is_known_of_it(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        metadata = {"format": "onnx", "stage": "gold", "scores": {"auc": 0.91, "list": [1, None, "ä"]}}
        server.seed_version(collection="whole", files={"m": b"0"})
        seeded = server.seed_version(
            collection="whole", files={"a": b"12", "b": b"345"}, metadata=metadata, aliases=["production"]
        )
        version = found(ask_one(door, server, "model/whole:production"))
        assert version.number == seeded.version == "v1"
        assert version.uri == f"wandb://{server.organization.entity}/{seeded.path}"
        assert version.claim == f"wandb-md5:{seeded.digest}"
        assert (version.facts, version.ready) == (VersionFacts(size=5, files=2), True)
        assert version.metadata == {"format": "onnx", "stage": "gold", "scores": {"auc": 0.91}}

    def test_a_moved_alias_answers_with_the_new_version(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="moving", files={"m": b"0"}, aliases=["production"])
        server.seed_version(collection="moving", files={"m": b"1"})
        assert found(ask_one(door, server, "model/moving:production")).number == "v0"
        server.move_alias("model", "moving", "production", "v1")
        assert found(ask_one(door, server, "model/moving:production")).number == "v1"
        assert found(ask_one(door, server, "model/moving:v0")).number == "v0"

    def test_a_version_that_is_still_uploaded_is_not_committed(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="pending", files={"m": b"0"}, aliases=["production"])
        server.mark_pending("model", "pending", "v0")
        assert not found(ask_one(door, server, "model/pending:production")).ready

    @pytest.mark.parametrize(
        ("reference", "kind"),
        [
            ("model/there:absent", AliasNotFound),
            ("model/there:v7", VersionNotFound),
            ("model/absent:production", AliasNotFound),
            ("model/absent:v0", VersionNotFound),
            ("absent/there:production", RegistryNotFound),
            ("absent/there:v0", RegistryNotFound),
        ],
    )
    def test_what_is_missing_is_named(
        self, server: RunningRegistry, door: WandbRegistry, reference: str, kind: type[LockgateError]
    ) -> None:
        server.seed_version(collection="there", files={"m": b"0"}, aliases=["production"])
        message = told(ask_one(door, server, reference), kind)
        assert ref(reference).registry in message
        if kind is not RegistryNotFound:
            assert ref(reference).collection in message
            assert str(ref(reference).wanted) in message

    def test_what_is_missing_does_not_hide_what_is_there(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="there", files={"m": b"0"}, aliases=["production"])
        server.seed_version(registry="dataset", collection="there", files={"d": b"0"}, aliases=["production"])
        wanted = ("model/there:absent", "model/there:production", "absent/x:y", "dataset/there:production")
        answers = ask(door, server, *wanted)
        assert list(answers) == [ref(text) for text in wanted]
        assert [type(answer).__name__ for answer in answers.values()] == [
            "AliasNotFound",
            "Version",
            "RegistryNotFound",
            "Version",
        ]

    def test_a_removed_alias_and_a_removed_version_are_missing(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="removed", files={"m": b"0"}, aliases=["production"])
        server.remove_alias("model", "removed", "production")
        told(ask_one(door, server, "model/removed:production"), AliasNotFound)
        server.remove_version("model", "removed", "v0")
        told(ask_one(door, server, "model/removed:v0"), VersionNotFound)

    def test_no_question_is_no_request(self, server: RunningRegistry, door: WandbRegistry) -> None:
        assert ask(door, server) == {}
        assert server.requests.totals().requests == 0

    def test_asking_singly_gives_the_same_answers_as_asking_for_many(
        self, server: RunningRegistry, door: WandbRegistry, make_door: MakeDoor
    ) -> None:
        server.seed_version(
            collection="equal",
            files={"m": b"0"},
            metadata={"a": [1, {"b": None}], "signature": {"outputs": [], "inputs": [{"name": "x"}]}},
            aliases=["production"],
        )
        server.seed_version(collection="equal", files={"m": b"1", "n": b"2"}, aliases=["staging"])
        wanted = [
            *[
                f"model/equal:{name}"
                for name in ("production", "staging", "v0", "v1", "v2", "absent", "latest")
            ],
            *["model/absent:production", "model/absent:v0", "absent/equal:production", "absent/equal:v0"],
        ]
        many = ask(door, server, *wanted)
        server.faults.add(Fault(kind=FaultKind.STATUS, status=400, operation="LockgateLookUp"))
        singly = ask(make_door(), server, *wanted)
        assert server.requests.records(operation="ArtifactMembershipByName")
        declared = found(many[ref("model/equal:production")]).signature
        assert declared == '{"inputs":[{"name":"x"}],"outputs":[]}', "which lists are a part of"
        assert {str(r): said(answer) for r, answer in many.items()} == {
            str(r): said(answer) for r, answer in singly.items()
        }

    def test_asking_singly_tells_that_a_version_is_still_uploaded(
        self, server: RunningRegistry, make_door: MakeDoor
    ) -> None:
        server.seed_version(collection="pending-singly", files={"m": b"0"}, aliases=["production"])
        server.mark_pending("model", "pending-singly", "v0")
        server.faults.add(Fault(kind=FaultKind.STATUS, status=400, operation="LockgateLookUp"))
        told(ask_one(make_door(), server, "model/pending-singly:production"), ArtifactPending)

    def test_a_hundred_references_of_one_registry_are_two_requests(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        for number in range(10):
            server.seed_version(
                collection=f"many-{number}", files={"m": b"0"}, aliases=[f"alias-{n}" for n in range(10)]
            )
        ask_one(door, server, "model/many-0:alias-0")
        server.requests.clear()
        answers = ask(door, server, *[f"model/many-{c}:alias-{a}" for c in range(10) for a in range(10)])
        assert len(answers) == 100
        assert {found(answer).number for answer in answers.values()} == {"v0"}
        assert server.requests.totals().requests == 2
        assert server.requests.totals().lookups == 100

    def test_the_same_question_twice_is_asked_once(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="twice", files={"m": b"0"}, aliases=["production"])
        ask_one(door, server, "model/twice:production")
        server.requests.clear()
        assert len(ask(door, server, *["model/twice:production"] * 30)) == 1
        assert server.requests.totals().lookups == 1


class TestRights:
    def test_a_registry_that_refuses_is_told_from_one_that_is_missing(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="secret", files={"m": b"0"}, aliases=["production"])
        server.faults.add(Fault(kind=FaultKind.DENY, user="viewer", registry="model"))
        assert "let the key's owner read" in told(
            ask_one(door, server, "model/secret:production"), AccessDenied
        )
        server.faults.replace([Fault(kind=FaultKind.DENY, user="viewer", registry="model", hidden=True)])
        told(ask_one(door, server, "model/secret:production"), RegistryNotFound)

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_of_the_whole_request_is_a_refusal(
        self, server: RunningRegistry, door: WandbRegistry, status: int
    ) -> None:
        server.faults.add(Fault(kind=FaultKind.STATUS, status=status))
        told(ask_one(door, server, "model/any:production"), AccessDenied)

    @pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\x00", b"short", b"f" * 40], ids=repr)
    def test_a_key_that_cannot_be_used_is_a_refusal(
        self, server: RunningRegistry, make_door: MakeDoor, tmp_path: Path, content: bytes | None
    ) -> None:
        server.seed_version(collection="keys", files={"m": b"0"}, aliases=["production"])
        file = tmp_path / "key"
        if content is not None:
            file.write_bytes(content)
        message = told(ask_one(make_door(key_file=file), server, "model/keys:production"), AccessDenied)
        assert "key" in message
        assert "f" * 40 not in message

    def test_a_replaced_key_is_used_for_the_next_question(
        self, server: RunningRegistry, make_door: MakeDoor, tmp_path: Path
    ) -> None:
        server.seed_version(collection="rotated", files={"m": b"0"}, aliases=["production"])
        file = tmp_path / "key"
        file.write_text(server.keys["viewer"])
        rotating = make_door(key_file=file)
        found(ask_one(rotating, server, "model/rotated:production"))
        server.faults.add(Fault(kind=FaultKind.STATUS, status=401, user="viewer"))
        told(ask_one(rotating, server, "model/rotated:production"), AccessDenied)
        file.write_text(server.keys["member"])
        found(ask_one(rotating, server, "model/rotated:production"))
        assert server.requests.records(operation="LockgateLookUp")[-1].user == "member"

    def test_a_key_that_comes_later_is_found(
        self, server: RunningRegistry, make_door: MakeDoor, tmp_path: Path
    ) -> None:
        server.seed_version(collection="later", files={"m": b"0"}, aliases=["production"])
        file = tmp_path / "key"
        waiting = make_door(key_file=file)
        told(ask_one(waiting, server, "model/later:production"), AccessDenied)
        file.write_text(server.keys["viewer"])
        found(ask_one(waiting, server, "model/later:production"))


class TestProcess:
    def test_a_client_whose_process_was_killed_is_built_anew_within_the_question(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="killed", files={"m": b"0"}, aliases=["production"])
        found(ask_one(door, server, "model/killed:production"))
        (old,) = client_processes()
        os.kill(old, signal.SIGKILL)
        wait_until("dead", lambda: old not in client_processes())
        found(ask_one(door, server, "model/killed:production"))
        assert old not in client_processes()

    def test_a_client_whose_process_is_killed_while_it_asks_is_built_anew_too(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="killed", files={"m": b"0"}, aliases=["production"])
        found(ask_one(door, server, "model/killed:production"))
        server.faults.add(Fault(kind=FaultKind.HANG, operation="LockgateLookUp", count=1))
        (old,) = client_processes()
        with ThreadPoolExecutor(1) as thread:
            asking = thread.submit(ask_one, door, server, "model/killed:production")
            wait_until("asking", lambda: server.faults.show()[0]["met"] == 1)
            os.kill(old, signal.SIGKILL)
            found(asking.result(timeout=10))

    def test_many_questions_on_a_killed_client_are_all_answered(
        self, server: RunningRegistry, door: WandbRegistry
    ) -> None:
        server.seed_version(collection="killed", files={"m": b"0"}, aliases=["production"])
        found(ask_one(door, server, "model/killed:production"))
        (old,) = client_processes()
        os.kill(old, signal.SIGKILL)
        wait_until("dead", lambda: old not in client_processes())
        answers = ask(door, server, "model/killed:production", *[f"model/x-{n}:a" for n in range(99)])
        assert sum(type(answer) is AliasNotFound for answer in answers.values()) == 99, answers
        found(answers[ref("model/killed:production")])

    def test_a_closed_door_leaves_no_process_and_answers_no_more(
        self, server: RunningRegistry, make_door: MakeDoor
    ) -> None:
        server.seed_version(collection="closed", files={"m": b"0"}, aliases=["production"])
        closing = make_door()
        version = found(ask_one(closing, server, "model/closed:production"))
        assert client_processes()
        closing.close()
        wait_until("gone", lambda: not client_processes())
        told(ask_one(closing, server, "model/closed:production"), RegistryClientFailed)
        with pytest.raises(RegistryClientFailed):
            closing.inspect(version)
        closing.close()
        assert not client_processes()


def said(answer: object) -> object:
    """What can be compared: errors are equal when their kinds and messages are."""
    return (type(answer), answer.message) if isinstance(answer, LockgateError) else answer
