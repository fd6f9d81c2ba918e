"""What a platform team tells the chart about what else is in the cluster: `--set` of these values."""

from __future__ import annotations

from lockgate_sandbox.gateways import Gateway
from lockgate_sandbox.parts.prometheus import Prometheus


def offering(gateway: Gateway, name: str = "public") -> tuple[str, ...]:
    """Values of the chart that offer a gateway to authors, under this name."""
    fields = {
        "namespace": gateway.namespace,
        "gateway": gateway.name,
        "hostname": "{name}.{namespace}.models.example.com",
        "controller": gateway.controller,
    }
    hosts = f"gateways.{name}.hostnames[0]=*.models.example.com"
    return (*(f"gateways.{name}.{field}={_escaped(value)}" for field, value in fields.items()), hosts)


def measuring(prometheus: Prometheus) -> tuple[str, ...]:
    """Values of the chart that let Lockgate ask a Prometheus."""
    return (
        f"prometheus.url={prometheus.inner_url}",
        "prometheus.allowHttp=true",
        "prometheus.authorPromql=true",
    )


def _escaped(value: str) -> str:
    """As helm wants it behind --set."""
    return value.replace("{", "\\{").replace("}", "\\}").replace(",", "\\,")
