"""What may be said to ECS, and by it? By botocore's model of the service, and nobody's memory of it.

botocore checks names and types of members but no words of an enumeration; those are walked through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

PROTOCOL_TARGET = "AmazonEC2ContainerServiceV20141113"


class FakeFault(Exception):
    """An error of ECS, by its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class NotAws(AssertionError):
    """The stand-in was about to say what AWS cannot say."""


# Errors that all services of AWS have, and so are in the model of none.
COMMON = frozenset({"ThrottlingException", "UnrecognizedClientException", "ExpiredTokenException"})


@cache
def _service() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("ecs")


def operations() -> tuple[str, ...]:
    """Every operation of ECS."""
    return tuple(_service().operation_names)


def check_request(operation: str, arguments: Mapping[str, Any]) -> None:
    """Raise a FakeFault for what ECS would not take."""
    if operation not in _service().operation_names:
        raise FakeFault("ClientException", f"no operation {operation}")
    problems = _problems(_service().operation_model(operation).input_shape, arguments)
    if problems:
        raise FakeFault("InvalidParameterException", "; ".join(problems))


def check_answer(operation: str, answer: Mapping[str, Any]) -> None:
    """Raise NotAws for what ECS would not send."""
    problems = _problems(_service().operation_model(operation).output_shape, answer)
    if problems:
        raise NotAws(f"{operation}: {'; '.join(problems)}")


def check_fault(operation: str, fault: FakeFault) -> None:
    """Raise NotAws for an error that this operation does not have."""
    known = {shape.name for shape in _service().operation_model(operation).error_shapes}
    if fault.code not in known | COMMON:
        raise NotAws(f"{operation} never answers {fault.code}")


def _problems(shape: Any, value: Mapping[str, Any]) -> list[str]:
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(_with_times(shape, value), shape)
    found = [report.generate_report()] if report.has_errors() else []
    return [*found, *_strange(shape, value, "")]


def _strange(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Members that are none, for output shapes are checked for them as well; and words that are none."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for name, member in value.items():
            if name in shape.members:
                yield from _strange(shape.members[name], member, f"{path}.{name}")
            else:
                yield f"{path}.{name} is no member"
    elif shape.type_name == "list" and isinstance(value, (list, tuple)):
        for number, member in enumerate(value):
            yield from _strange(shape.member, member, f"{path}[{number}]")
    elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is {value!r}, none of {', '.join(shape.enum)}"


def _with_times(shape: Any, value: Any) -> Any:
    """Moments go over the wire as seconds, which botocore's check takes for numbers."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            name: _with_times(shape.members[name], member) if name in shape.members else member
            for name, member in value.items()
        }
    if shape.type_name == "list" and isinstance(value, (list, tuple)):
        return [_with_times(shape.member, member) for member in value]
    if shape.type_name == "timestamp" and isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    return value
