"""The configuration files of everything that runs on the node: containerd, CNI, kubelet, kube-proxy, CoreDNS.

Pure: answers with texts by file name, relative to the world's directory. JSON stands in for YAML
wherever the reader takes YAML.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from lockgate_sandbox.cluster.machine import HOME, NODE_ADDRESS
from lockgate_sandbox.controlplane.servers import POD_RANGE

NODE_NAME = "node"
PAUSE_IMAGE = "localhost/pause:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_POD_SUBNET = "10.244.0.0/22"
_MAX_PODS = 250


def configuration_files(cgroup: str) -> Mapping[str, str]:
    """All files; `cgroup` is the path of the cluster's own control group, beginning with a slash."""
    return {
        "containerd.toml": _containerd(),
        "cni/10-lockgate.conflist": json.dumps(_cni()),
        "kubelet.json": json.dumps(_kubelet(cgroup)),
        "kube-proxy.json": json.dumps(_kube_proxy()),
        "Corefile": _corefile(),
    }


def _containerd() -> str:
    return f"""version = 3
root = "{HOME}/containerd"
state = "/run/containerd"

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins.'io.containerd.cri.v1.runtime']
disable_apparmor = true
# Lowering a score needs a capability that root may lack in virtual machines and containers.
restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{HOME}/bin/runc"
SystemdCgroup = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{HOME}/bin"]
conf_dir = "{HOME}/cni"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE_IMAGE}"
"""


def _cni() -> dict[str, object]:
    return {
        "cniVersion": "1.0.0",
        "name": "lockgate",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-addresses",
                    "ranges": [[{"subnet": _POD_SUBNET}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "backend": "nftables"},
        ],
    }


def _kubelet(cgroup: str) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{HOME}/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{HOME}/pki/kubelet.crt",
        "tlsPrivateKeyFile": f"{HOME}/pki/kubelet.key",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDomain": "cluster.local",
        "clusterDNS": [NODE_ADDRESS],
        "resolvConf": "",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "enforceNodeAllocatable": ["none"],
        "localStorageCapacityIsolation": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        # The disk is the user's own: a full one is no reason to throw pods out.
        "evictionHard": {
            "memory.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": f"{HOME}/pod-logs",
        "maxPods": _MAX_PODS,
        "registryPullQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "healthzPort": 0,
    }


def _kube_proxy() -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "clientConnection": {"kubeconfig": f"{HOME}/kube-proxy.kubeconfig"},
        # Zero leaves the kernel's own settings alone; some of them are the whole machine's.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "nftables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
    }


def _corefile() -> str:
    return f""".:53 {{
    bind {NODE_ADDRESS}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {HOME}/coredns.kubeconfig
    }}
    cache 2
}}
"""
