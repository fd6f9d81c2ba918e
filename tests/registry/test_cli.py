"""The command line, with the real client behind it, and what the server side may not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import lockgate_sandbox.registry.cli as cli
from lockgate_sandbox.registry.running import RunningRegistry

pytest.importorskip("wandb")
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def use(monkeypatch: pytest.MonkeyPatch, registry: RunningRegistry, user: str) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", registry.url)
    monkeypatch.setenv("WANDB_API_KEY", registry.keys[user])


def test_a_directory_is_seeded_promoted_shown_and_demoted(
    registry: RunningRegistry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    use(monkeypatch, registry, "admin")
    export = tmp_path / "export"
    export.mkdir()
    (export / "model.onnx").write_bytes(b"weights")
    assert (
        cli.main(["seed", str(export), "model/churn", "--alias", "staging", "--metadata", "accuracy=0.93"])
        == 0
    )
    assert cli.main(["promote", "model/churn", "v0", "--alias", "production"]) == 0
    assert registry.aliases("model", "churn") == {"latest": "v0", "staging": "v0", "production": "v0"}
    capsys.readouterr()
    assert cli.main(["show", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["registry"], shown["collection"], shown["version"]) == ("model", "churn", "v0")
    assert cli.main(["demote", "model/churn", "--alias", "production"]) == 0
    assert "production" not in registry.aliases("model", "churn")


def test_a_refused_promotion_is_one_line_on_standard_error(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.seed_version(files={"a": b"1"})
    registry.protect_aliases("model", "production")
    use(monkeypatch, registry, "member")
    assert cli.main(["promote", "model/churn", "v0", "--alias", "production"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert registry.keys["member"] not in line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["promote", "churn", "v0", "--alias", "a"], "REGISTRY/COLLECTION"),
        (["seed", ".", "model/churn", "--metadata", "accuracy"], "KEY=VALUE"),
        (["serve", "--data-dir", "unused"], "no users"),
        (["show"], "WANDB_BASE_URL"),
    ],
)
def test_what_is_missing_is_named(
    arguments: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("WANDB_BASE_URL", "WANDB_API_KEY", "LOCKGATE_REGISTRY_USERS"):
        monkeypatch.delenv(variable, raising=False)
    assert cli.main(arguments) == 1
    assert named in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_server_needs_no_client() -> None:
    package_root = str(Path(cli.__file__).parents[2])
    script = (
        "import sys; import lockgate_sandbox.registry.serving, lockgate_sandbox.registry.running;"
        "print(sorted({'wandb', 'pytest', 'kubernetes'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": package_root},
        check=True,
    )
    assert done.stdout.strip() == "[]"
