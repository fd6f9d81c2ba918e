"""A known bug: one small change of the code as it is, put into a copy of the operator or into this process.

Into this process it goes by giving the functions that run the code of the changed text, wherever they
were imported to. Nothing but the bodies of functions can be changed that way; and nothing here knows who
is to find it.
"""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

OPERATOR = Path(__file__).parents[3] / "operator"


@dataclass(frozen=True, slots=True)
class Bug:
    """One change in one file: this text once becomes that."""

    name: str
    file: str
    old: str
    new: str

    def text(self, root: Path) -> str:
        """The file with the bug in it; ValueError when it is not what it was."""
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} holds the text {text.count(self.old)} times")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Seed:
    """A bug that tells anew what went wrong elsewhere (docs/faults.md numbers the stories).

    `found` is what is said by whoever finds it, and `at` where to begin to look for it.
    """

    story: int
    bug: Bug
    found: str
    at: int = 0


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """The bug is in the operator that runs in this process, and afterwards it is not.

    Raises ValueError when the code of no function is another with it.
    """
    module = importlib.import_module(bug.file.removesuffix(".py").replace("/", "."))
    assert module.__file__ is not None
    path = Path(module.__file__)
    root = path.parents[bug.file.count("/")]
    sound, broken = (_codes(compile(text, str(path), "exec")) for text in (path.read_text(), bug.text(root)))
    functions = [each for each in _functions(module) if each.__code__.co_qualname in broken]
    changed = [each for each in functions if not _is_same(sound, broken, each.__code__.co_qualname)]
    if not changed:
        raise ValueError(f"{bug.name}: no function of {bug.file} does anything else with it")
    before = [(each, each.__code__) for each in changed]
    try:
        for each in changed:
            each.__code__ = broken[each.__code__.co_qualname]
        yield
    finally:
        for each, code in before:
            each.__code__ = code


def _codes(code: CodeType) -> dict[str, CodeType]:
    """The code of every function, by its name within the file."""
    found = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= {inner.co_qualname: inner} | _codes(inner)
    return found


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    """The functions and methods that a module defines."""
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        for member in vars(value).values() if inspect.isclass(value) else (value,):
            found = getattr(member, "fget", getattr(member, "__func__", member))
            found = inspect.unwrap(found) if callable(found) else found
            if isinstance(found, FunctionType):
                yield found


def _is_same(sound: dict[str, CodeType], broken: dict[str, CodeType], name: str) -> bool:
    return _deeds(sound[name]) == _deeds(broken[name])


def _deeds(code: CodeType) -> tuple[object, ...]:
    """What a code does, wherever in the file it stands."""
    constants = tuple(_deeds(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants
