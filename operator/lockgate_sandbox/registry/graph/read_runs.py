"""What the query fields about runs answer: lineage, but no metrics, which are not kept here.

Nothing is changed here.
"""

from __future__ import annotations

import json
from typing import Any

from lockgate_sandbox.registry.graph.binding import Context, answers, connection
from lockgate_sandbox.registry.identity import User
from lockgate_sandbox.registry.rows import Artifact, Project, Run, global_id


@answers("Run", "id")
def run_id(source: Run, context: Context) -> str:
    return global_id("Run", source.id)


@answers("Run", "project")
def project_of_run(source: Run, context: Context) -> Project:
    return context.store.db.get(Project, source.project_id)


@answers("Run", "tags")
def tags_of_run(source: Run, context: Context) -> list[str]:
    return list(json.loads(source.tags))


@answers("Run", "group")
def group(source: Run, context: Context) -> str | None:
    return source.group_name


@answers("Run", "summaryMetrics")
def summary_metrics(source: Run, context: Context) -> str:
    return source.summary


@answers("Run", "user")
def user_of_run(source: Run, context: Context) -> User | None:
    return context.users.get(source.user)


@answers("Run", "historyLineCount", "eventsLineCount", "logLineCount")
def no_lines(source: Run, context: Context) -> int:
    return 0  # metrics of runs are not kept


@answers("Run", "historyTail", "eventsTail")
def no_tail(source: Run, context: Context) -> str:
    return "[]"


@answers("Run", "systemMetrics", "wandbConfig")
def no_document(source: Run, context: Context, **_: Any) -> str:
    return "{}"


@answers("Run", "outputArtifacts")
def output_artifacts(
    source: Run, context: Context, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    where = "WHERE run_id = ? AND state = 'COMMITTED' ORDER BY id"
    return connection(context.store.db.all(Artifact, where, source.id), after, first)


@answers("Run", "inputArtifacts")
def input_artifacts(
    source: Run, context: Context, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    where = "WHERE id IN (SELECT artifact_id FROM uses WHERE run_id = ?) ORDER BY id"
    return connection(context.store.db.all(Artifact, where, source.id), after, first)
