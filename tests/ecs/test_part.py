"""The stand-in as a part of a world, asked through the real door: a process, signatures, a mounted file."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.fakes.ecs import EcsRig, canary

from lockgate.aws.configured import configured_targets
from lockgate.aws.door import EcsDoor
from lockgate.settings import Settings
from lockgate_sandbox.parts.fake_ecs import FakeEcs
from lockgate_sandbox.pytest_plugin import part
from lockgate_sandbox.worlds import Level

pytestmark = pytest.mark.integration
fake_ecs = part("fake_ecs", Level.CONTROL_PLANE)


class OverHttp(EcsRig):
    """The same reconcile, through the door of the operator to a process of the world."""

    def __init__(self, ecs: FakeEcs, directory: Path) -> None:
        super().__init__()
        self.ecs = ecs
        file = directory / "ecs.yaml"
        file.write_text(yaml.safe_dump({"prod": dict(ecs.target("growth"))}))
        settings = Settings(fetch_image="unused", ecs_file=file)
        self.targets.update(configured_targets(settings))
        self.real = EcsDoor(lambda: datetime.now(UTC))
        self.door.ask = self.real.ask  # type: ignore[method-assign]

    async def beat(self, seconds: float = 10) -> None:
        await self.look()
        self.wait(seconds=seconds)
        await self.tell(advance=seconds)

    async def tell(self, **asked: Any) -> list[str]:
        """Move the world of the stand-in; every request that it was ever asked."""
        return list((await asyncio.to_thread(self.ecs.tell, **asked))["requests"])

    async def play_until(self, condition: Any, beats: int = 60) -> None:
        for _ in range(beats):
            if condition():
                return
            await self.beat()
        raise AssertionError(f"never came: {self.status.get('conditions')}")

    def serves(self, number: int) -> bool:
        """Whether that version is stable."""
        return (self.status.get("stable") or {}).get("version") == f"v{number}"


async def test_a_canary_an_approval_and_an_alarm_go_through_the_real_door(fake_ecs: FakeEcs, tmp_path: Path):
    rig = OverHttp(fake_ecs, tmp_path)
    # Others of this world may have asked before.
    before = len(await rig.tell())
    try:
        rig.ask_for(canary(10))
        await rig.point(1)
        await rig.play_until(lambda: rig.serves(1))
        await rig.point(2)
        await rig.play_until(lambda: rig.shares.get("candidate") == 10)
        rig.request(f"approve {rig.status['candidate']['release']} by ada")
        await rig.play_until(lambda: rig.serves(2))
        await rig.point(3)
        await rig.play_until(lambda: rig.shares.get("candidate") == 10)
        await rig.tell(setOff="errors")
        await rig.play_until(lambda: rig.status["history"][0]["outcome"] == "Aborted")
        assert "alarm errors went off" in rig.condition("Ready")["message"]
        assert rig.serves(2)
        asked = await rig.tell(refuse={"": "ThrottlingException"})
        await rig.look()
        assert rig.verdict("Ready")[1] == "BackendUnavailable"
        assert asked[before:].count("ContinueServiceDeployment") == 3
    finally:
        await rig.tell(heal=True)
        await rig.real.close()
