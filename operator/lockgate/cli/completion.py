"""Completion of verbs, options and names, for shells and for kubectl.

kubectl asks the program `kubectl_complete-lockgate`, by the protocol of cobra: one candidate a line,
with a description after a tab, then a colon and a number that says what the shell may add by itself.
Whatever goes wrong, there are no candidates and nothing is said.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from lockgate.cli.failing import Exit
from lockgate.cli.paint import Painter
from lockgate.cli.parser import build

_NO_FILES: Final = 4
_FILES: Final = 0
_SECONDS: Final = 3.0
_VALUE_OPTIONS: Final = {
    "--kubeconfig": "file",
    "--context": "context",
    "-n": "namespace",
    "--namespace": "namespace",
}
Candidates = Iterable[tuple[str, str]]


def main() -> int:
    """Entry point of `kubectl_complete-lockgate`."""
    return complete(sys.argv[1:])


def complete(words: Sequence[str]) -> Exit:
    """Print what the last word may become, after the words before it."""
    *before, word = words or [""]
    parser = build()
    if before and _VALUE_OPTIONS.get(before[-1]) == "file":
        sys.stdout.write(f":{_FILES}\n")
        return Exit.DONE
    try:
        found = list(_candidates(parser, before, word))
    except Exception:
        found = []
    for name, told in found:
        if name.startswith(word):
            sys.stdout.write(f"{name}\t{told}\n" if told else f"{name}\n")
    sys.stdout.write(f":{_NO_FILES}\n")
    return Exit.DONE


def _candidates(parser: argparse.ArgumentParser, before: list[str], word: str) -> Candidates:
    verbs = _subparsers(parser)
    verb = next((one for one in before if one in verbs), None)
    present = verbs[verb] if verb else parser
    if before and (option := present._option_string_actions.get(before[-1])) and option.nargs != 0:
        return _values(option, before)
    if word.startswith("-"):
        return ((flag, action.help or "") for flag, action in sorted(present._option_string_actions.items()))
    if verb is None:
        return ((name, told.help or "") for told in _choices(parser) for name in (told.dest,))
    given = _positionals(verbs[verb], before[before.index(verb) + 1 :])
    if verb == "completion":
        return [("bash", ""), ("zsh", ""), ("fish", "")]
    if verb in ("get", "watch") or not given:
        return [(name, "") for name in _ask(before, None) if name not in given]
    return [(name, "") for name in _ask(before, (verb, given[0]))] if len(given) == 1 else []


def _values(option: argparse.Action, before: list[str]) -> Candidates:
    if option.dest == "context":
        from lockgate.kube.kubeconfig import contexts

        return ((name, "") for name in contexts(None))
    return ((str(choice), "") for choice in option.choices or ())


def _positionals(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    given, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            option = parser._option_string_actions.get(word)
            skip = option is not None and option.nargs != 0
        else:
            given.append(word)
    return given


def _ask(before: list[str], about: tuple[str, str] | None) -> list[str]:
    """What the cluster knows: the names that there are, or versions and releases of one."""
    options, _ = _lenient().parse_known_args(before)
    return asyncio.run(_asked(options, about))


async def _asked(options: argparse.Namespace, about: tuple[str, str] | None) -> list[str]:
    from lockgate.cli.finding import find, names
    from lockgate.cli.session import session

    async with asyncio.timeout(_SECONDS), session(options, Painter(sys.stdout)) as opened:
        if about is None:
            return list(await names(opened))
        verb, name = about
        one = await find(opened, name)
    if verb in ("approve", "promote", "abort"):
        return [one.candidate.release or ""] if one.candidate else []
    known = [one.previous, *(ended.revision for ended in one.history)] if verb in ("rollback", "pin") else []
    return list(dict.fromkeys(revision.version for revision in known if revision))


def _lenient() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for flags in (("--kubeconfig",), ("--context",), ("-n", "--namespace")):
        parser.add_argument(*flags)
    parser.add_argument("--as", dest="impersonated")
    parser.add_argument("--as-group", dest="groups", action="append", default=[])
    return parser


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _choices(parser: argparse.ArgumentParser) -> Iterable[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action._choices_actions


def script(shell: str) -> str:
    """The script of a shell, which asks this program for every word."""
    return _SCRIPTS[shell]


_BASH: Final = """\
# Completion of kubectl-lockgate for bash: source <(kubectl-lockgate completion bash)
_kubectl_lockgate() {
    local line candidates=()
    while IFS= read -r line; do
        case "$line" in
            :0) compopt -o default 2>/dev/null ;;
            :*) ;;
            *) candidates+=("${line%%$'\\t'*}") ;;
        esac
    done < <(kubectl-lockgate __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    COMPREPLY=("${candidates[@]}")
}
complete -F _kubectl_lockgate kubectl-lockgate
"""
_ZSH: Final = """\
#compdef kubectl-lockgate
# Completion of kubectl-lockgate for zsh: source <(kubectl-lockgate completion zsh)
_kubectl_lockgate() {
    local line name
    local -a candidates
    for line in "${(@f)$(kubectl-lockgate __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case "$line" in
            :0) _files; return ;;
            :*) ;;
            *) name="${line%%$'\\t'*}"
               candidates+=("${name//:/\\\\:}:${line#*$'\\t'}") ;;
        esac
    done
    _describe 'kubectl-lockgate' candidates
}
compdef _kubectl_lockgate kubectl-lockgate
"""
_FISH: Final = """\
# Completion of kubectl-lockgate for fish: kubectl-lockgate completion fish | source
function __kubectl_lockgate
    set -l words (commandline -opc)
    kubectl-lockgate __complete $words[2..-1] (commandline -ct) 2>/dev/null | string match -v ':*'
end
complete -c kubectl-lockgate -f -a '(__kubectl_lockgate)'
"""
_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
