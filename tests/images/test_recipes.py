"""When is an image built again, and what does its build see?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.images.recipes import RECIPES, Recipe, content_key, stage
from lockgate_sandbox.source import REPOSITORY

RECIPE = Recipe("thing", "images/Dockerfile", ("requirements/thing.txt", "source"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for name, text in {
        "images/Dockerfile": "FROM scratch",
        "requirements/thing.txt": "a==1",
        "requirements/other.txt": "b==1",
        "source/__init__.py": "",
        "source/part/code.py": "one = 1",
        "README.md": "read me",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def key(tree: Path, base: str = "base") -> str:
    return content_key(RECIPE, tree, base)


@pytest.mark.parametrize("name", ["images/Dockerfile", "requirements/thing.txt", "source/part/code.py"])
def test_a_changed_input_changes_the_key(tree: Path, name: str) -> None:
    before = key(tree)
    (tree / name).write_text("changed")
    assert key(tree) != before


def test_added_moved_and_removed_files_change_the_key(tree: Path) -> None:
    keys = [key(tree)]
    (tree / "source" / "new.py").write_text("one = 1")
    keys.append(key(tree))
    (tree / "source" / "new.py").rename(tree / "source" / "newer.py")
    keys.append(key(tree))
    (tree / "source" / "part" / "code.py").unlink()
    keys.append(key(tree))
    assert len(set(keys)) == 4


def test_text_that_moves_between_two_files_changes_the_key(tree: Path) -> None:
    first, second = tree / "source" / "a.py", tree / "source" / "b.py"
    first.write_text("xy")
    second.write_text("z")
    before = key(tree)
    first.write_text("x")
    second.write_text("yz")
    assert key(tree) != before


def test_a_file_that_becomes_executable_changes_the_key(tree: Path) -> None:
    before = key(tree)
    (tree / "source" / "part" / "code.py").chmod(0o755)
    assert key(tree) != before


def test_another_base_changes_the_key(tree: Path) -> None:
    assert key(tree, "another") != key(tree)


def test_what_is_no_input_leaves_the_key_alone(tree: Path) -> None:
    before = key(tree)
    (tree / "README.md").write_text("changed")
    (tree / "requirements" / "other.txt").write_text("b==2")
    compiled = tree / "source" / "__pycache__" / "code.pyc"
    compiled.parent.mkdir()
    compiled.write_text("compiled")
    os.utime(tree / "source" / "part" / "code.py", (1, 1))
    (tree / "source" / "part" / "code.py").chmod(0o600)
    assert key(tree) == before


def test_a_build_sees_the_inputs_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (tree / "source" / "part" / "code.py").chmod(0o600)
    stage(RECIPE, tree, context)
    staged = {path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file()}
    assert staged == {
        "images/Dockerfile",
        "requirements/thing.txt",
        "source/__init__.py",
        "source/part/code.py",
    }
    assert (context / "source" / "part" / "code.py").stat().st_mode & 0o777 == 0o644
    assert key(context) == key(tree)


def test_an_input_that_is_not_there_is_named(tree: Path) -> None:
    (tree / "requirements" / "thing.txt").unlink()
    with pytest.raises(SandboxError, match=r"image thing is made from requirements/thing\.txt"):
        key(tree)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_file_a_dockerfile_copies_is_an_input_and_passes_dockerignore(recipe: Recipe) -> None:
    lines = (REPOSITORY / recipe.dockerfile).read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert sorted(copied) == sorted(recipe.inputs)
    ignore = (REPOSITORY / ".dockerignore").read_text().splitlines()
    for name in copied:
        assert {f"!{name}", f"!{Path(name).parent}/*.txt"} & set(ignore), name
