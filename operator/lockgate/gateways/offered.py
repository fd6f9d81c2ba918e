"""What does a gateway of the platform take: which hostnames, and which ways of splitting traffic?

Values and questions to them; where they are configured is `configured.py`. Nothing here asks a gateway.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from lockgate.api.spec import ModelDeployment
from lockgate.api.strategy import Canary, Shadow
from lockgate.domain.split import WHOLE
from lockgate.errors import InvalidSpec
from lockgate.gateways.known import Features, features_of
from lockgate.sentences import listed

# As the Gateway API's own type Hostname has it, without a wildcard.
_HOST: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_HOST_LIMIT: Final = 253
_LABEL_LIMIT: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A Gateway of the platform by the name that a spec calls it.

    `namespace`, `gateway` and `section` (a listener; all when empty) say where it is. `hostname` is made
    for whoever names none, `hostnames` are patterns of what may be named: `*.` at the beginning stands
    for one name or more, {name} and {namespace} for those of the ModelDeployment. `controller` is who
    speaks for the gateway in the status of routes; when empty, whoever does so is believed.
    """

    name: str
    namespace: str
    gateway: str
    section: str = ""
    hostname: str = ""
    hostnames: tuple[str, ...] = ()
    controller: str = ""
    features: Features = field(default_factory=lambda: features_of(""))

    def hostnames_of(self, deployment: ModelDeployment) -> tuple[str, ...]:
        """At which hostnames a ModelDeployment is reached; raises InvalidSpec."""
        asked = deployment.traffic.hostnames if deployment.traffic else ()
        if not asked:
            return (self._made_for(deployment),)
        allowed = [filled(pattern, deployment) for pattern in (*self.hostnames, self.hostname) if pattern]
        for host in asked:
            if not _is_host(host):
                raise InvalidSpec(
                    "spec.traffic.hostnames", f"holds {host!r}, which is not the name of a host"
                )
            if not any(_is_like(host, pattern) for pattern in allowed):
                raise InvalidSpec(
                    "spec.traffic.hostnames",
                    f"holds {host}, which gateway {self.name} is not for; it serves {listed(allowed)}",
                )
        return asked

    def _made_for(self, deployment: ModelDeployment) -> str:
        if not self.hostname:
            raise InvalidSpec(
                "spec.traffic.hostnames", f"must name a host, since gateway {self.name} makes no names itself"
            )
        host = filled(self.hostname, deployment)
        if not _is_host(host):
            raise InvalidSpec(
                "spec.traffic.hostnames", f"must name a host: {host}, which the platform makes, is too long"
            )
        return host

    def check_strategy(self, deployment: ModelDeployment) -> None:
        """Raise InvalidSpec for what the strategy asks of the gateway and it cannot do."""
        strategy = deployment.strategy
        if isinstance(strategy, Shadow):
            self._check_mirror("spec.strategy.shadow.mirror", strategy.mirror)
        if isinstance(strategy, Canary):
            for number, step in enumerate(strategy.steps):
                place = f"spec.strategy.canary.steps[{number}]"
                if step.match and not self.features.match:
                    raise InvalidSpec(
                        f"{place}.match", f"asks gateway {self.name} to tell requests apart, which it cannot"
                    )
                self._check_mirror(f"{place}.mirror", step.mirror)
        for number, variant in enumerate(deployment.variants):
            if variant.match and not self.features.match:
                raise InvalidSpec(
                    f"spec.variants[{number}].match",
                    f"asks gateway {self.name} to tell requests apart, which it cannot",
                )
            if variant.cookie and not self.features.cookie:
                raise InvalidSpec(
                    f"spec.variants[{number}].cookie",
                    f"asks gateway {self.name} to find a cookie, which it cannot, as far as is known; use "
                    "match (the platform's setting features.cookie says otherwise)",
                )

    def _check_mirror(self, path: str, percent: int) -> None:
        if percent and not self.features.mirror:
            raise InvalidSpec(
                path,
                f"asks gateway {self.name} to copy requests, which it cannot, as far as is known; take "
                "another gateway or strategy (the platform's setting features.mirror says otherwise)",
            )
        if 0 < percent < WHOLE and not self.features.percent_mirror:
            raise InvalidSpec(
                path,
                f"asks gateway {self.name} to copy {percent} % of the requests; it copies all or none, as "
                "far as is known; write 100 (the platform's setting features.percentMirror says otherwise)",
            )


NO_GATEWAYS: Final[Mapping[str, Gateway]] = MappingProxyType({})


def gateway_of(gateways: Mapping[str, Gateway], deployment: ModelDeployment) -> Gateway | None:
    """The gateway that a ModelDeployment names, if it names one; raises InvalidSpec."""
    if deployment.traffic is None:
        return None
    found = gateways.get(deployment.traffic.gateway)
    if found is None:
        offered = f"write one of {listed(sorted(gateways))}" if gateways else "it offers none"
        raise InvalidSpec(
            "spec.traffic.gateway",
            f"is {deployment.traffic.gateway}, which the platform does not offer; {offered}",
        )
    return found


def filled(pattern: str, deployment: ModelDeployment) -> str:
    """A pattern of a hostname with the names of a ModelDeployment in it."""
    return pattern.replace("{name}", deployment.name).replace("{namespace}", deployment.namespace)


def _is_like(host: str, pattern: str) -> bool:
    # The Gateway API's wildcard stands for one label or more, too.
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _is_host(host: str) -> bool:
    parts = host.split(".")
    return len(host) <= _HOST_LIMIT and max(map(len, parts)) <= _LABEL_LIMIT and bool(_HOST.fullmatch(host))
