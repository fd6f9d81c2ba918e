"""ModelDeployments by name, or all of them; and where there is none, what there is instead."""

import difflib
from collections.abc import Sequence

from lockgate.cli.door import Door
from lockgate.cli.failing import CliError, NotThere
from lockgate.cli.seen import Seen, see
from lockgate.cli.session import Session
from lockgate.domain.resources import MODEL_DEPLOYMENT, Object, Resource
from lockgate.sentences import listed

_NAMESPACE = Resource(group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False)


async def find(session: Session, name: str) -> Seen:
    """The one of that name; raises NotThere, which says what there is."""
    return see(await find_object(session, name))


async def find_object(session: Session, name: str) -> Object:
    """The same, as the API server holds it."""
    try:
        return await session.door.get(MODEL_DEPLOYMENT, (session.namespace, name))
    except NotThere as error:
        raise await not_there(session, name) from error


async def all_objects(session: Session, selector: str | None) -> list[Object]:
    """Every one of the namespace, or of all; a namespace that does not exist is told."""
    query = {"labelSelector": selector} if selector else {}
    found: list[Object] = []
    async for items, _ in session.door.pages(MODEL_DEPLOYMENT, session.namespace, query):
        found += items
    if not found and session.namespace:
        await _check_namespace(session.door, session.namespace)
    return found


async def names(session: Session) -> Sequence[str]:
    """The names of all in the namespace."""
    return [obj["metadata"]["name"] for obj in await all_objects(session, None)]


async def not_there(session: Session, name: str) -> NotThere:
    """What to say of a name that leads nowhere."""
    said = f"there is no ModelDeployment {name} in namespace {session.namespace}"
    try:
        known = await names(session)
    except NotThere as error:
        return error
    except CliError:
        return NotThere(said)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return NotThere(f"{said}; did you mean {near[0]}?")
    if known:
        return NotThere(f"{said}; there are {listed(known, most=5)}")
    return NotThere(f"{said}, nor any other; choose another namespace with -n")


async def _check_namespace(door: Door, namespace: str) -> None:
    """Raises NotThere if the namespace is not there; who may not ask is not told."""
    try:
        await door.get(_NAMESPACE, ("", namespace))
    except NotThere as error:
        raise NotThere(f"there is no namespace {namespace}; choose another one with -n") from error
    except CliError:
        return
