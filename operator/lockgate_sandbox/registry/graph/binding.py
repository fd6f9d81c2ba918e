"""How schema and resolvers meet: the SDL file, the resolver table, and one executor with a query cache.

A field without a resolver is the attribute or key of the same name, in snake case. What fields answer is
written in the `read_` and `write_` modules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module, resources
from typing import Any, TypeVar

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from lockgate_sandbox.registry.access import Access
from lockgate_sandbox.registry.errors import Invalid
from lockgate_sandbox.registry.identity import User
from lockgate_sandbox.registry.rows import Collection, CollectionKind, Run
from lockgate_sandbox.registry.store import Store

PAGE = 50
CACHED_QUERIES = 512
RESOLVER_MODULES = (
    "read_people",
    "read_projects",
    "read_runs",
    "read_collections",
    "read_versions",
    "read_artifacts",
    "read_files",
    "write_artifacts",
    "write_collections",
    "write_registries",
)


@dataclass(slots=True)
class Context:
    """What every resolver may ask: the store, the caller's rights, the address the caller came to."""

    store: Store
    access: Access
    user: User
    users: Mapping[str, User]
    base_url: str
    lookups: int = 0


Resolver = Callable[..., Any]
R = TypeVar("R", bound=Resolver)
RESOLVERS: dict[tuple[str, str], Resolver] = {}


def answers(type_name: str, *fields: str) -> Callable[[R], R]:
    """Marks a function `(source, context, **arguments)` as the resolver of these fields."""

    def register(function: R) -> R:
        for name in fields or (_camel(function.__name__),):
            RESOLVERS[type_name, name] = function
        return function

    return register


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


@cache
def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _attribute(source: Any, info: GraphQLResolveInfo[Context], **_: Any) -> Any:
    if isinstance(source, Mapping):
        return source.get(info.field_name)
    return getattr(source, snake(info.field_name), None)


def _with_context(function: Resolver) -> Resolver:
    def resolve(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        return function(source, info.context, **arguments)

    return resolve


def _concrete_type(source: Any, *_: Any) -> str:
    match source:
        case Collection(kind=CollectionKind.SEQUENCE):
            return "ArtifactSequence"
        case Collection():
            return "ArtifactPortfolio"
        case Run():
            return "Run"
        case _:
            return "User"


@cache
def load_schema() -> GraphQLSchema:
    """The schema with its resolvers in place.

    Raises:
        LookupError: a resolver is written for a field the SDL does not have.
    """
    for module in RESOLVER_MODULES:  # importing them fills the table
        import_module(f"{__package__}.{module}")

    text = resources.files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")
    schema = build_schema(text)
    for abstract in ("ArtifactCollection", "ArtifactCreator"):
        schema.type_map[abstract].resolve_type = _concrete_type  # type: ignore[attr-defined]
    for (type_name, field_name), function in RESOLVERS.items():
        holder = schema.type_map.get(type_name)
        fields = getattr(holder, "fields", {})
        if field_name not in fields:
            raise LookupError(f"schema.graphql has no field {type_name}.{field_name}")
        fields[field_name].resolve = _with_context(function)
        if isinstance(holder, GraphQLInterfaceType):
            for concrete in schema.get_implementations(holder).objects:
                concrete.fields[field_name].resolve = _with_context(function)
    return schema


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query that was parsed and held against the schema."""

    document: DocumentNode | None
    operations: tuple[str, ...]
    errors: tuple[GraphQLError, ...] = field(default=())


@lru_cache(maxsize=CACHED_QUERIES)
def prepare(text: str) -> Prepared:
    """Parses and validates once for each distinct text; errors are part of the answer, not raised."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return Prepared(None, (), (error,))
    named = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    names = tuple(node.name.value if node.name else _first_field(node) for node in named)
    return Prepared(document, names, tuple(validate(load_schema(), document)))


def _first_field(node: OperationDefinitionNode) -> str:
    selection = node.selection_set.selections[0]
    name = getattr(selection, "name", None)
    return str(name.value) if name is not None and not isinstance(selection, FragmentDefinitionNode) else ""


def run(
    prepared: Prepared, variables: Mapping[str, Any], operation: str | None, context: Context
) -> ExecutionResult:
    """Executes a valid query."""
    if prepared.document is None or prepared.errors:
        return ExecutionResult(data=None, errors=list(prepared.errors))
    return execute_sync(
        load_schema(),
        prepared.document,
        variable_values=dict(variables),
        operation_name=operation,
        context_value=context,
        field_resolver=_attribute,
    )


def connection(
    nodes: Iterable[Any],
    after: str | None = None,
    first: int | None = None,
    edge: Callable[[Any], dict[str, Any]] = lambda node: {"node": node},
) -> dict[str, Any]:
    """One page of a list in Relay's form; the cursor is a position.

    Raises:
        Invalid: `after` is no cursor of ours.
    """
    listed = list(nodes)
    if after and not after.isdigit():
        raise Invalid(f"cursor {after!r} is not one this server gave")
    start = int(after or 0)
    stop = min(start + (PAGE if first is None else max(first, 0)), len(listed))
    return {
        "totalCount": len(listed),
        "pageInfo": {"endCursor": str(stop), "hasNextPage": stop < len(listed)},
        "edges": [{"cursor": str(at + 1)} | edge(node) for at, node in enumerate(listed[start:stop], start)],
    }
