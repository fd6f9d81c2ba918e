"""The program as a process: its help, its exit codes, completion, and how it ends when nobody reads on."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lockgate.cli.helping import VERBS as VERBS_HELP
from lockgate.cli.parser import parse

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "lockgate.cli.main"]
VERBS = [
    "get",
    "watch",
    "history",
    "plan",
    "approve",
    "promote",
    "abort",
    "retry",
    "pin",
    "rollback",
    "unpin",
    "pause",
    "resume",
    "completion",
]


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "operator"), "KUBECONFIG": "/nowhere"} | variables
    return subprocess.run([*PROGRAM, *words], capture_output=True, text=True, env=environment, timeout=60)


def test_the_scripts_of_the_package_lead_to_functions_that_are_there():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == {"lockgate", "kubectl-lockgate", "kubectl_complete-lockgate"}
    for place in scripts.values():
        module, _, function = place.partition(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_teaches_by_examples_of_itself(verb: str):
    done = run(verb, "--help")
    assert done.returncode == 0
    _, _, examples = done.stdout.partition("examples:\n")
    assert all(line.startswith(f"  kubectl lockgate {verb}") for line in examples.splitlines())
    assert examples


EXAMPLES = [example for said in VERBS_HELP.values() for example in said.examples]
PAGE = (ROOT / "docs" / "kubectl-lockgate.md").read_text()
SHOWN = re.findall(r"^\$ kubectl lockgate (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("words", [*EXAMPLES, *SHOWN])
def test_every_command_line_that_is_shown_anywhere_can_be_typed(words: str):
    typed = re.split(r"\s[|>#]\s|\s+#\s", words)[0]
    if "--help" not in typed:
        assert parse(shlex.split(typed)).verb in VERBS


def test_the_help_names_every_verb_and_the_exit_codes():
    done = run("--help")
    assert re.findall(r"^    ([a-z]+) ", done.stdout, re.MULTILINE) == VERBS
    assert (
        "exit codes: 0 done or accepted, 1 refused or wrongly asked, 2 nobody answered in time" in done.stdout
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("frob",), "invalid choice: 'frob'"),
        (("approve",), "the following arguments are required: NAME"),
        (("pin", "churn", "v1"), "the following arguments are required: --reason"),
        (("abort", "churn", "--timeout", "soon"), "write one such as 30s, 5m or 1h30m"),
        (("get", "churn", "-A"), "a name is of one namespace; name it with -n"),
        (("get",), "there is no kubeconfig at /nowhere; name one with --kubeconfig"),
    ],
)
def test_what_is_wrongly_asked_is_told_on_standard_error_and_ends_with_one(words: tuple[str, ...], told: str):
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert told in done.stderr


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        (("app",), ["approve"]),
        (("p",), ["plan", "promote", "pin", "pause"]),
        (("-n", "growth", "unp"), ["unpin"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("get", "-o", ""), ["table", "wide", "name", "json", "yaml"]),
        (("abort", "churn", "--t"), ["--timeout"]),
        (("get", ""), []),
        (("--kubeconfig", ""), []),
    ],
)
def test_words_are_completed_by_the_protocol_that_kubectl_speaks(
    words: tuple[str, ...], candidates: list[str]
):
    done = run("__complete", *words)
    *lines, directive = done.stdout.splitlines()
    assert sorted(line.split("\t")[0] for line in lines) == sorted(candidates)
    assert directive == (":0" if words[-2:-1] == ("--kubeconfig",) else ":4")
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_with_the_script(tmp_path: Path):
    program = tmp_path / "kubectl-lockgate"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "operator"} exec {" ".join(PROGRAM)} "$@"\n')
    program.chmod(0o755)
    script = (
        "source <(kubectl-lockgate completion bash); COMP_WORDS=(kubectl-lockgate ro); COMP_CWORD=1; "
        '_kubectl_lockgate; echo "${COMPREPLY[@]}"'
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.stdout, done.stderr) == ("rollback\n", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_that_asks_the_program(shell: str):
    assert "kubectl-lockgate __complete" in run("completion", shell).stdout


def test_help_and_completion_load_no_client():
    code = (
        "import sys; from lockgate.cli.main import main; main(['__complete', 'g']); "
        "sys.exit(bool({'aiohttp', 'kubernetes', 'rich', 'yaml'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "operator")}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=60).returncode == 0


def test_without_rich_it_says_so_and_goes_on_in_plain_text(tmp_path: Path):
    (tmp_path / "rich.py").write_text("raise ImportError('not here')\n")
    code = (
        "import io, sys; from lockgate.cli.paint import Painter, When; from lockgate.cli.lines import line\n"
        "painter = Painter(sys.stdout, When.ALWAYS); painter.print(line('plain')); "
        "print(painter.is_rich_missing)\n"
        "with painter.screen() as screen: print(screen)"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'operator'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stdout == "plain\nTrue\nNone\n"
    told = run("get", "--color", "always", PYTHONPATH=f"{tmp_path}:{ROOT / 'operator'}")
    assert told.stderr.startswith("colours and the live view need the package rich, which is not installed")


def test_who_reads_no_further_is_not_told_of_it():
    code = (
        "import sys; from lockgate.cli import main as m\n"
        "def run(words):\n"
        "    while True: sys.stdout.write('x' * 70000)\n"
        "m._run = run; sys.exit(m.main(['get']))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "operator")}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 128 + signal.SIGPIPE
