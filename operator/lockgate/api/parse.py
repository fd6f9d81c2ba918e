"""From the dictionaries of the API server to values, naming the field when that cannot be done.

The schema has checked most of it already; what is checked again here are old objects, objects
written while the schema was another, and rules that need two fields. Pure.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from lockgate.api import read
from lockgate.api.backend import BACKENDS
from lockgate.api.lifecycle import LEAST_PATIENCE, OnFailure, Supersede
from lockgate.api.limits import ALIAS_LIMIT, HISTORY_LIMIT, SOURCE_LIMIT, VERSION_LIMIT
from lockgate.api.moments import parse_time
from lockgate.api.parse_analysis import parse_analysis, parse_runtime_metrics
from lockgate.api.parse_backend import parse_backend
from lockgate.api.parse_gates import parse_gates
from lockgate.api.parse_lifecycle import parse_settle
from lockgate.api.parse_strategy import parse_strategy, parse_traffic
from lockgate.api.parse_variants import parse_variants
from lockgate.api.spec import (
    RAY_PORT,
    Followed,
    Identity,
    ModelDeployment,
    ModelRuntime,
    OnAliasMissing,
    OnChange,
    Pin,
    Protocol,
    RayServer,
    Resources,
)
from lockgate.api.status_codec import parse_status
from lockgate.api.strategy import STRATEGIES, Rolling
from lockgate.errors import InvalidSpec
from lockgate.names import ANNOTATION_REQUEST, ANNOTATION_RETRY, DEFAULT_SOURCE, MODEL_DEPLOYMENT_KIND
from lockgate.sentences import sentence

_NAME_LIMIT = 253
_PATH_LIMIT = 512
_WORD_LIMIT = 128
_LARGEST_PORT = 65535
_LONGEST_MIN_READY = 3600


def parse_identity(raw: Mapping[str, Any]) -> Identity:
    """Who a ModelDeployment is, which the API server vouches for, whatever its spec says."""
    metadata = raw["metadata"]
    return Identity(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata["generation"],
    )


def parse_followed(raw: Mapping[str, Any]) -> Followed:
    """Collection, alias and strategy as they were written, for those who count, whatever else is there."""
    model = read.lenient(lambda: dict(raw["spec"]["model"])) or {}
    registry, collection, alias = (
        sentence(model.get(name), ALIAS_LIMIT) for name in ("registry", "collection", "alias")
    )
    strategy, backend = _written(raw, "strategy", STRATEGIES), _written(raw, "backend", BACKENDS)
    return Followed(f"{registry}/{collection}", alias, strategy or "rolling", backend or "deployment")


def _written(raw: Mapping[str, Any], name: str, known: Iterable[str]) -> str | None:
    return read.lenient(lambda: next((each for each in known if each in raw["spec"][name]), None))


def parse_model_deployment(raw: Mapping[str, Any]) -> ModelDeployment:
    """Read a ModelDeployment; raises InvalidSpec with the path of the first field in the way."""
    try:
        return _parse_model_deployment(raw)
    except read.MISSHAPEN as error:
        raise InvalidSpec("spec", f"cannot be read ({type(error).__name__})") from error


def parse_model_runtime(raw: Mapping[str, Any]) -> ModelRuntime:
    """Read a ModelRuntime; raises InvalidSpec, which names the runtime, for the spec is another's."""
    name = str(raw["metadata"]["name"])
    try:
        return _parse_model_runtime(raw, name)
    except InvalidSpec as error:
        raise InvalidSpec(f"{error.path} of ModelRuntime {name}", error.problem) from None
    except read.MISSHAPEN as error:
        raise InvalidSpec(
            f"spec of ModelRuntime {name}", f"cannot be read ({type(error).__name__})"
        ) from error


def _parse_model_deployment(raw: Mapping[str, Any]) -> ModelDeployment:
    identity, spec = parse_identity(raw), read.optional_section(raw, "spec", "") or {}
    model = read.section(spec, "model", "spec")
    deadline = _parse_deadline(spec)
    traffic = parse_traffic(read.optional_section(spec, "traffic", "spec"))
    backend = parse_backend(read.optional_section(spec, "backend", "spec"))
    strategy = parse_strategy(read.optional_section(spec, "strategy", "spec"), traffic, backend)
    analysis = parse_analysis(read.optional_section(spec, "analysis", "spec"))
    if analysis is not None and isinstance(strategy, Rolling):
        raise InvalidSpec(
            "spec.analysis",
            "judges the steps of a rollout, and rolling has none; choose another spec.strategy",
        )
    return ModelDeployment(
        namespace=identity.namespace,
        name=identity.name,
        uid=identity.uid,
        resource_version=identity.resource_version,
        generation=identity.generation,
        retry=_annotation(raw, ANNOTATION_RETRY),
        request=_annotation(raw, ANNOTATION_REQUEST),
        serves_as=_parse_serves_as(raw),
        source=_parse_source(model),
        registry=read.text(model, "registry", "spec.model", ALIAS_LIMIT),
        collection=read.text(model, "collection", "spec.model", ALIAS_LIMIT),
        alias=read.text(model, "alias", "spec.model", ALIAS_LIMIT),
        runtime=read.text(read.section(spec, "runtime", "spec"), "name", "spec.runtime", _NAME_LIMIT),
        backend=backend,
        replicas=read.integer(spec, "replicas", "spec", default=1, least=0, most=1000),
        strategy=strategy,
        traffic=traffic,
        variants=parse_variants(spec, identity.name, strategy, traffic),
        keep_warm=_parse_keep_warm(read.optional_section(spec, "rollback", "spec")),
        analysis=analysis,
        gates=parse_gates(read.optional_section(spec, "gates", "spec")),
        resources=_parse_resources(read.optional_section(spec, "resources", "spec")),
        pin=_parse_pin(read.optional_section(spec, "pin", "spec")),
        suspend=read.boolean(spec, "suspend", "spec"),
        on_alias_missing=read.choice(spec, "onAliasMissing", "spec", default=OnAliasMissing.HOLD),
        settle=parse_settle(read.optional_section(spec, "settle", "spec")),
        supersede=read.choice(spec, "supersede", "spec", default=Supersede.RESTART),
        on_failure=read.choice(spec, "onFailure", "spec", default=OnFailure.ROLLBACK),
        progress_deadline=deadline,
        min_ready_seconds=_parse_min_ready(spec, deadline),
        revision_history_limit=read.integer(
            spec, "revisionHistoryLimit", "spec", default=10, least=0, most=HISTORY_LIMIT
        ),
        status=parse_status(raw.get("status")),
    )


def _parse_serves_as(raw: Mapping[str, Any]) -> str:
    own = str(raw["metadata"]["name"])
    owners = read.each(raw["metadata"].get("ownerReferences"), dict)
    names = (each.get("name") for each in owners if each.get("kind") == MODEL_DEPLOYMENT_KIND)
    # Anybody may write an owner of any name, and what is no part of a good name may be anything.
    return next((each for each in names if isinstance(each, str) and own.startswith(f"{each}-")), own)


def _parse_source(model: Mapping[str, Any]) -> str:
    if model.get("source") is None:
        return DEFAULT_SOURCE
    return read.text(model, "source", "spec.model", SOURCE_LIMIT)


def _annotation(raw: Mapping[str, Any], name: str) -> str:
    """What people wrote there, empty where they wrote nothing."""
    annotations = read.lenient(lambda: dict(raw["metadata"]["annotations"])) or {}
    return str(annotations.get(name, ""))


def _parse_model_runtime(raw: Mapping[str, Any], name: str) -> ModelRuntime:
    spec = read.optional_section(raw, "spec", "") or {}
    resources = read.optional_section(spec, "resources", "spec")
    port = read.integer(spec, "port", "spec", least=1, most=_LARGEST_PORT)
    ray = _parse_ray(read.optional_section(spec, "ray", "spec"))
    if ray is not None and port != RAY_PORT:
        raise InvalidSpec("spec.port", f"is {port}, and a server on Ray answers at {RAY_PORT}")
    return ModelRuntime(
        name=name,
        image=read.text(spec, "image", "spec", _PATH_LIMIT),
        command=read.texts(spec, "command", "spec"),
        args=read.texts(spec, "args", "spec"),
        env=_parse_variables(spec.get("env")),
        port=port,
        protocol=read.choice(spec, "protocol", "spec", default=Protocol.OPEN_INFERENCE_V2),
        readiness_path=read.text(spec, "readinessPath", "spec", _PATH_LIMIT),
        accepted_formats=read.texts(spec, "acceptedFormats", "spec"),
        resources=_parse_resources(resources),
        ceilings=read.amounts(resources, "ceilings", "spec.resources"),
        termination_grace_period_seconds=read.integer(
            spec, "terminationGracePeriodSeconds", "spec", default=30, least=1, most=3600
        ),
        metrics=parse_runtime_metrics(
            read.optional_section(spec, "metrics", "spec"), _PATH_LIMIT, _LARGEST_PORT
        ),
        ray=ray,
        on_change=read.choice(spec, "onChange", "spec", default=OnChange.ROLLOUT),
    )


def _parse_ray(raw: Mapping[str, Any] | None) -> RayServer | None:
    if raw is None:
        return None
    return RayServer(
        version=read.text(raw, "version", "spec.ray", _WORD_LIMIT),
        import_path=read.text(raw, "importPath", "spec.ray", _PATH_LIMIT),
        deployment=read.text(raw, "deployment", "spec.ray", _WORD_LIMIT),
    )


def _parse_variables(raw: Any) -> tuple[tuple[str, str], ...]:
    variables = tuple((entry["name"], entry["value"]) for entry in raw or ())
    if not all(isinstance(part, str) for variable in variables for part in variable):
        raise InvalidSpec("spec.env", "holds a name or a value that is no text")
    return variables


def _parse_keep_warm(raw: Mapping[str, Any] | None) -> timedelta:
    return read.duration(raw or {}, "keepWarmFor", "spec.rollback", default="30s")


def _parse_deadline(spec: Mapping[str, Any]) -> timedelta | None:
    if spec.get("progressDeadline") is None:
        return None
    return read.duration(spec, "progressDeadline", "spec", default="")


def _parse_min_ready(spec: Mapping[str, Any], given: timedelta | None) -> int:
    deadline = LEAST_PATIENCE if given is None else given
    seconds = read.integer(spec, "minReadySeconds", "spec", default=0, least=0, most=_LONGEST_MIN_READY)
    if timedelta(seconds=seconds) >= deadline:
        raise InvalidSpec(
            "spec.minReadySeconds",
            f"is {seconds}, which is not less than the {deadline.total_seconds():g} s of progressDeadline, "
            "so every rollout would be late; lower it, or raise progressDeadline",
        )
    return seconds


def _parse_pin(raw: Mapping[str, Any] | None) -> Pin | None:
    if raw is None:
        return None
    version = read.text(raw, "version", "spec.pin", VERSION_LIMIT)
    reason = read.prose(raw, "reason", "spec.pin")
    try:
        until = raw.get("until")
        return Pin(version=version, reason=reason, until=None if until is None else parse_time(until))
    except (TypeError, ValueError) as error:
        raise InvalidSpec("spec.pin.until", f"is not a time with a zone: {error}") from None


def _parse_resources(raw: Mapping[str, Any] | None) -> Resources:
    return Resources(
        requests=read.amounts(raw, "requests", "spec.resources"),
        limits=read.amounts(raw, "limits", "spec.resources"),
    )
