"""The registry's door asks the host and with the key that it was given, whatever lies around."""

import subprocess
import sys
from pathlib import Path

from tests.fetch.program import FetchProgram

from lockgate_sandbox.registry.running import RunningRegistry

PROGRAM = """
import sys
from pathlib import Path
from lockgate.domain.version import Alias, Reference
from lockgate.registries.wandb.registry import WandbRegistry

registry = WandbRegistry(base_url=sys.argv[1], api_key_file=Path(sys.argv[2]), timeout=10)
reference = Reference(registry="model", collection="churn", wanted=Alias("production"))
version = registry.look_up([reference])[reference]
print(getattr(version, "uri", version))
registry.close()
"""


def test_settings_that_lie_around_change_neither_host_nor_key_and_nothing_is_printed(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    seeded = registry.seed_version(files={"m": b"1"}, aliases=["production"])
    site = FetchProgram(registry, tmp_path)
    home = tmp_path / "home"
    for directory in (home / ".config/wandb", home / "wandb"):
        directory.mkdir(parents=True)
        (directory / "settings").write_text(
            "[default]\nbase_url = http://127.0.0.1:9\nmode = offline\norganization = nobody\n"
        )
    (home / ".netrc").write_text(f"machine 127.0.0.1 login user password {'0' * 40}\n")
    strays = {
        "HOME": str(home),
        "WANDB_BASE_URL": "http://127.0.0.1:9",
        "WANDB_API_KEY": "0" * 40,
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "false",
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, registry.url, str(site.key_file)],
        cwd=home,
        env=site.environment(strays),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ended.stdout == f"wandb://{registry.organization.entity}/{seeded.path}\n"
    assert ended.stderr == ""
    assert {record.user for record in registry.requests.records()} == {"viewer"}
    assert sorted(path.name for path in home.rglob("*") if path.is_file()) == [
        ".netrc",
        "settings",
        "settings",
    ]
