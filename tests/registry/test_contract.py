"""Holds the schema against every operation of the installed client: valid, or listed here with the reason."""

import pytest
from graphql import validate
from tests.registry.wheel import Operation, operations

from lockgate_sandbox.registry.graph.binding import load_schema

SWEEPS = "sweeps are no part of a registry"
QUEUES = "launch queues are no part of a registry"
METRICS = "metrics and logs of runs are not kept"
PEOPLE = "users and keys come from the configuration of the server"
TEAMS = "teams as members of a registry are not offered"
AUTOMATIONS = "automations are not offered"
PARTS = "uploads in parts are not offered; the client asks only above 2 GiB"
RUN_PAGES = "not asked while logging, linking or reading artifacts"

NOT_OFFERED: dict[tuple[str, str], str] = {
    ("core", "CompleteMultipartUploadArtifact"): PARTS,
    ("core", "CreateCustomChart"): METRICS,
    ("core", "CreateDefaultResourceConfig"): QUEUES,
    ("core", "CreateRunQueue"): QUEUES,
    ("core", "EnqueueSweepRun"): SWEEPS,
    ("core", "HistoryPage"): METRICS,
    ("core", "NotifyScriptableRunAlert"): METRICS,
    ("core", "RewindRun"): METRICS,
    ("core", "RunConsoleLogPage"): METRICS,
    ("core", "RunConsoleLogTail"): METRICS,
    ("core", "RunParquetHistory"): METRICS,
    ("core", "SampledHistoryPage"): METRICS,
    ("core", "StopRun"): RUN_PAGES,
    ("core", "SweepConfig"): SWEEPS,
    ("core", "SweepRunsWithHistory"): SWEEPS,
    ("core", "SweepWatchedRuns"): SWEEPS,
    ("core", "UpsertRunQueue"): QUEUES,
    ("core", "UpsertSweepState"): SWEEPS,
    ("python", "CreateAgent"): SWEEPS,
    ("python", "CreateAutomation"): AUTOMATIONS,
    ("python", "CreateGenericWebhookIntegration"): AUTOMATIONS,
    ("python", "CreateInvite"): PEOPLE,
    ("python", "CreateServiceAccount"): PEOPLE,
    ("python", "CreateTeam"): PEOPLE,
    ("python", "CreateUserFromAdmin"): PEOPLE,
    ("python", "DeleteApiKey"): PEOPLE,
    ("python", "DeleteAutomation"): AUTOMATIONS,
    ("python", "DeleteFromRunQueue"): QUEUES,
    ("python", "DeleteInvite"): PEOPLE,
    ("python", "DeleteRunQueue"): QUEUES,
    ("python", "EnqueueSweepRun"): SWEEPS,
    ("python", "GenerateApiKey"): PEOPLE,
    ("python", "GetAgentRuns"): SWEEPS,
    ("python", "GetAutomationsLegacy"): AUTOMATIONS,
    ("python", "GetDefaultResourceConfig"): QUEUES,
    ("python", "GetEntityAutomations"): AUTOMATIONS,
    ("python", "GetEntityAutomationsLegacy"): AUTOMATIONS,
    ("python", "GetOrgAutomations"): AUTOMATIONS,
    ("python", "GetRunQueueItem"): QUEUES,
    ("python", "GetRunQueueItems"): QUEUES,
    ("python", "GetRunQueueMetadata"): QUEUES,
    ("python", "GetSweep"): SWEEPS,
    ("python", "GetSweepAgent"): SWEEPS,
    ("python", "GetSweepAgents"): SWEEPS,
    ("python", "GetSweepLegacy"): SWEEPS,
    ("python", "GetSweepState"): SWEEPS,
    ("python", "GetSweeps"): SWEEPS,
    ("python", "Heartbeat"): SWEEPS,
    ("python", "IntegrationsByEntity"): AUTOMATIONS,
    ("python", "LaunchAgent"): QUEUES,
    ("python", "Project"): RUN_PAGES,
    ("python", "ProjectRunQueues"): QUEUES,
    ("python", "ProjectViews"): RUN_PAGES,
    ("python", "RunFiles"): RUN_PAGES,
    ("python", "RunSampledHistory"): METRICS,
    ("python", "RunStoppedStatus"): RUN_PAGES,
    ("python", "ServerInfo"): RUN_PAGES,
    ("python", "SweepWithRuns"): SWEEPS,
    ("python", "UpdateAutomation"): AUTOMATIONS,
    ("python", "UpdateRunState"): RUN_PAGES,
    ("python", "UpdateTeamRegistryRole"): TEAMS,
    ("python", "UpsertSweep"): SWEEPS,
}


@pytest.fixture(scope="module")
def found() -> list[Operation]:
    return operations()


@pytest.fixture(scope="module")
def invalid(found: list[Operation]) -> dict[tuple[str, str], str]:
    schema = load_schema()
    checked = (((op.side, op.name), validate(schema, op.document)) for op in found)
    return {name: errors[0].message for name, errors in checked if errors}


def test_the_wheel_gives_up_its_operations(found: list[Operation]) -> None:
    names = {(op.side, op.name) for op in found}
    assert len(names) > 120
    assert ("python", "ArtifactMembershipByName") in names
    assert ("core", "CreateArtifactManifest") in names


def test_every_operation_is_valid_or_listed_with_a_reason(invalid: dict[tuple[str, str], str]) -> None:
    assert {name: why for name, why in invalid.items() if name not in NOT_OFFERED} == {}


def test_nothing_is_listed_that_is_valid_or_gone(invalid: dict[tuple[str, str], str]) -> None:
    assert sorted(set(NOT_OFFERED) - set(invalid)) == []
