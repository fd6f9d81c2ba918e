"""No text in a cluster reaches a terminal as anything but text, whoever wrote it and wherever it is shown."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.fakes import looks
from tests.fakes.looks import NOW
from tests.fakes.person import a_person

from lockgate.cli.branches import Surroundings, see_workload
from lockgate.cli.documents import Output, document, record
from lockgate.cli.failing import CliError
from lockgate.cli.lines import Line
from lockgate.cli.listing import listing
from lockgate.cli.narrating import Narrator
from lockgate.cli.paint import Painter, When
from lockgate.cli.past import history
from lockgate.cli.planning import outlook, plan_lines
from lockgate.cli.pods import see_pod
from lockgate.cli.seen import see
from lockgate.cli.streams import Change, Known, News
from lockgate.cli.tree import summary, tree

# Clears the screen, sets the title, turns the line around, begins a new line, and is half a letter.
EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eabc\r\n\u2028[bold red]x[/]\ud800\x00\x7f"
ALLOWED = re.compile(r"\x1b\[[0-9;]*m")


def spoiled(value: Any) -> Any:
    """The same with evil in every text that does not tell how it is to be read."""
    if isinstance(value, dict):
        kept = ("type", "status", "lastTransitionTime", "startedAt", "finishedAt", "creationTimestamp")
        return {
            name: part if name in kept and isinstance(part, str) else spoiled(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [spoiled(part) for part in value]
    return EVIL + value if isinstance(value, str) else value


def shown() -> Iterator[tuple[str, list[Line]]]:
    """All that is shown, of objects that are spoiled as a whole and of one whose words for people are."""
    for name, obj in (("all", spoiled(looks.canary())), ("words", words_spoiled())):
        one = see(obj)
        both = (looks.failing_pod("p", "v13"), looks.ready_pod("q", "v12"))
        pods = [see_pod(spoiled(pod)) for pod in both]
        around = Surroundings(pods=pods, workloads=[see_workload(spoiled(looks.workload()))], hidden=EVIL)
        for room in (60, 160):
            yield f"{name} tree", tree(one, around, NOW, room)
            yield f"{name} summary", [summary(one, pods, NOW, room)]
            yield f"{name} get", listing([one], NOW, room, namespaces=True, wide=True)
            yield f"{name} history", history(one, NOW, room)
    one = see(words_spoiled())
    yield "plan", plan_lines(one, outlook(one, NOW), 60)


def words_spoiled() -> looks.Json:
    """One of which the versions can be read and the words for people are evil."""
    obj = looks.canary(spec={"pin": {"version": "v13", "reason": EVIL}})
    for condition in obj["status"]["conditions"]:
        condition["message"] = EVIL
        condition["reason"] = EVIL
    for entry in obj["status"]["history"]:
        entry |= {"message": EVIL, "by": EVIL, "trigger": EVIL, "outcome": EVIL}
    obj["status"] |= {
        "phase": EVIL,
        "step": EVIL,
        "lastRequest": {"request": EVIL, "outcome": EVIL, "message": EVIL},
    }
    obj["metadata"]["annotations"]["lockgate.dev/request"] = EVIL
    return obj


@pytest.mark.parametrize("when", [When.NEVER, When.ALWAYS])
@pytest.mark.parametrize(("name", "lines"), [pytest.param(*one, id=str(n)) for n, one in enumerate(shown())])
def test_nothing_that_is_shown_steers_a_terminal(name: str, lines: list[Line], when: When):
    stream = io.StringIO()
    Painter(stream, when).print(*lines)
    written = stream.getvalue()
    bare = ALLOWED.sub("", written) if when is When.ALWAYS else written
    assert bare.replace("\n", "").isprintable(), name
    assert len(bare.splitlines()) == len(lines), "one line is one line"


@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
def test_a_document_steers_no_terminal_and_loses_nothing(output: Output):
    value = {"text": EVIL.replace("\ud800", ""), EVIL.replace("\ud800", ""): ["ä 🚢"]}
    written = document(value, output)
    assert written.replace("\n", "").isprintable()
    assert (json if output is Output.JSON else yaml).__dict__[
        "loads" if output is Output.JSON else "safe_load"
    ](written) == value


def test_a_record_is_one_line_whatever_is_in_it():
    written = record({"text": EVIL})
    assert written[:-1].isprintable()
    assert json.loads(written) == {"text": EVIL}


def test_what_is_told_in_a_pipe_is_one_line_a_change():
    class Watched:
        deployments, pods, hidden, lost = Known(), Known(), "", ""

    Watched.deployments.take(Change(news=News.RESET, objects=(words_spoiled(),)))
    stream = io.StringIO()
    Narrator(Painter(stream, When.NEVER)).tell(Watched())
    assert stream.getvalue()[:-1].isprintable()


def test_an_error_is_one_printable_sentence():
    assert CliError(f"the API server says {EVIL}").message.isprintable()


async def test_what_the_api_server_answers_with_is_told_printably():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        for code in (400, 403, 404, 409, 500, 599):
            body = {"message": EVIL, "details": {"name": EVIL}}
            person.api.refused["GET", "modeldeployments"] = (code, body)
            await person.types("get", "churn")
            assert person.error
            assert person.error.isprintable()
