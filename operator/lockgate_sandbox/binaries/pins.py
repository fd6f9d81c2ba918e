"""Which programs and files the sandbox consists of, and from which pinned Go modules each comes.

One Go module per tool (`go/TOOL/go.mod`), so that their dependencies need not agree. A tool's `key`
changes with everything that decides its content. Nothing is built or fetched here.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate_sandbox.worlds import Level

GO_MODULES = Path(__file__).parent / "go"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Tool:
    """One Go module and the programs that come out of it.

    `packages` are the Go packages to build; `aliases` are names under which the one program of the
    tool is to be found as well; `variables` are set by the linker.
    """

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    cgo: bool = False
    variables: Mapping[str, str] | None = None

    @property
    def directory(self) -> Path:
        """Where its go.mod is."""
        return GO_MODULES / self.name

    @property
    def provides(self) -> tuple[str, ...]:
        """All program names it brings."""
        return (*self.programs, *self.aliases)

    def build_arguments(self) -> list[str]:
        """Arguments of `go build`, without the output and the packages."""
        variables = [f"-X {name}={value}" for name, value in (self.variables or {}).items()]
        arguments = ["-trimpath", "-buildvcs=false"]
        if self.tags:
            arguments += ["-tags", " ".join(self.tags)]
        return [*arguments, "-ldflags", " ".join(["-s", "-w", *variables])]

    def key(self) -> str:
        """Names the content: same key, same programs."""
        facts = [*self.build_arguments(), *self.packages, *self.provides, f"cgo={self.cgo}", architecture()]
        return _key(self.directory, facts)


@dataclass(frozen=True, slots=True)
class Files:
    """Files, none of them a program, that a Go module carries in one of its directories.

    `pinned_with` names the tool in whose go.mod the module is pinned, where it is not one of its own.
    """

    name: str
    module: str
    within: str
    pinned_with: str = ""

    @property
    def directory(self) -> Path:
        """Where the go.mod is that pins the module."""
        return GO_MODULES / (self.pinned_with or self.name)

    def key(self) -> str:
        """Names the content: same key, same files."""
        return _key(self.directory, [self.module, self.within])


def _key(module: Path, facts: list[str]) -> str:
    digest = hashlib.sha256()
    for path in sorted(module.iterdir()):
        if path.suffix in {".mod", ".sum", ".go"}:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update("\0".join(facts).encode())
    return digest.hexdigest()[:12]


def architecture() -> str:
    """Go's name for this machine's processor."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def go_version_needed(tool: Tool | Files) -> tuple[int, ...]:
    """The oldest Go that may build a tool, from the `go` line of its go.mod."""
    found = re.search(r"^go (\d+(?:\.\d+)*)$", (tool.directory / "go.mod").read_text(), re.MULTILINE)
    assert found, f"{tool.name}/go.mod has no go line"
    return tuple(int(part) for part in found[1].split("."))


def _kubernetes_version() -> Mapping[str, str]:
    text = (GO_MODULES / "kubernetes" / "go.mod").read_text()
    found = re.search(r"^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\S*)$", text, re.MULTILINE)
    assert found, "kubernetes/go.mod does not pin k8s.io/kubernetes"
    # Without these the server calls itself v0.0.0, which charts and clients rightly refuse.
    base = "k8s.io/component-base/version.git"
    return {f"{base}Version": found[1], f"{base}Major": found[2], f"{base}Minor": found[3]}


KUBERNETES = Tool(
    name="kubernetes",
    packages=(".",),
    programs=("kubernetes",),
    aliases=(
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kubectl",
        "coredns",
    ),
    variables=_kubernetes_version(),
)
HELM = Tool(name="helm", packages=("helm.sh/helm/v4/cmd/helm",), programs=("helm",))
_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
CONTAINERD = Tool(
    name="containerd",
    packages=tuple(f"{_CONTAINERD}/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
    programs=("containerd", "containerd-shim-runc-v2", "ctr"),
    tags=("no_btrfs", "no_zfs", "no_devmapper"),
)
RUNC = Tool(
    name="runc",
    packages=("github.com/opencontainers/runc",),
    programs=("runc",),
    # Without seccomp linked in, every pod that asks for RuntimeDefault fails.
    tags=("seccomp", "netgo", "osusergo"),
    cgo=True,
)
_PLUGINS = "github.com/containernetworking/plugins/plugins"
CNI = Tool(
    name="cni",
    packages=tuple(
        f"{_PLUGINS}/{path}" for path in ("main/bridge", "main/loopback", "ipam/host-local", "meta/portmap")
    ),
    programs=("bridge", "loopback", "host-local", "portmap"),
)
PAUSE = Tool(name="pause", packages=(".",), programs=("pause",))
_PROMETHEUS = "github.com/prometheus/prometheus/cmd"
PROMETHEUS = Tool(
    name="prometheus",
    packages=(f"{_PROMETHEUS}/prometheus", f"{_PROMETHEUS}/promtool"),
    programs=("prometheus", "promtool"),
    # Of all the clouds that it can ask for targets just Kubernetes: the rest are most of the build.
    tags=("remove_all_sd", "enable_kubernetes_sd"),
    # The module counts v0.MMMPP.x where people say M.P.x; without it /status/buildinfo is empty.
    variables={"github.com/prometheus/common/version.Version": "3.16.0"},
)

# The CRDs of its standard channel, which is what most clusters have.
GATEWAY_API = Files("gateway-api", module="sigs.k8s.io/gateway-api", within="config/crd/standard")

_ENVOY_GATEWAY = "github.com/envoyproxy/gateway"
ENVOY_GATEWAY = Tool(
    name="envoy-gateway", packages=(f"{_ENVOY_GATEWAY}/cmd/envoy-gateway",), programs=("envoy-gateway",)
)
ENVOY_GATEWAY_CHART = Files(
    "envoy-gateway-chart", module=_ENVOY_GATEWAY, within="charts/gateway-helm", pinned_with="envoy-gateway"
)

_KSERVE = "github.com/kserve/kserve"
KSERVE = Tool(name="kserve", packages=(f"{_KSERVE}/cmd/manager",), programs=("kserve-controller",))
KSERVE_CHART = Files("kserve-chart", module=_KSERVE, within="charts/kserve-resources", pinned_with="kserve")
# With schemas: without them the API server takes anything for an InferenceService.
KSERVE_CRDS = Files("kserve-crds", module=_KSERVE, within="config/crd/full", pinned_with="kserve")

_KUBERAY = "github.com/ray-project/kuberay/ray-operator"
KUBERAY = Tool(name="kuberay", packages=(_KUBERAY,), programs=("kuberay-operator",))
KUBERAY_MANIFESTS = Files("kuberay-manifests", module=_KUBERAY, within="config", pinned_with="kuberay")

# In the order of what is needed first.
TOOLS = (KUBERNETES, HELM, CONTAINERD, RUNC, CNI, PAUSE, PROMETHEUS, ENVOY_GATEWAY, KSERVE, KUBERAY)


def tools_of(level: Level) -> tuple[Tool, ...]:
    """What a level needs before it can start; the others are built when first asked for."""
    match level:
        case Level.CONTROL_PLANE:
            return (KUBERNETES,)
        case Level.CLUSTER:
            return (KUBERNETES, CONTAINERD, RUNC, CNI, PAUSE)
        case Level.EXISTING:
            return ()
