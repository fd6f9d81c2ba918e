"""The command lines of etcd, API server, controller manager and scheduler, for both levels.

Pure: answers with argument lists and policy text, starts nothing. Paths are relative to the world's
directory, in which all servers run; it is private to its user, so etcd's socket needs no password.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
POD_RANGE = "10.244.0.0/16"
ISSUER = "https://kubernetes.default.svc.cluster.local"
AUDIT_POLICY = json.dumps(
    {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"]},
            {"level": "Metadata"},
        ],
    }
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API server listens, and which address it tells the cluster (None: no cluster to tell)."""

    bind: str
    port: int
    advertise: str | None = None


def etcd(program: Path) -> list[str]:
    """One member on a Unix socket, without fsync: nothing in it is to outlive its process."""
    return [
        str(program),
        "--data-dir=etcd",
        "--listen-client-urls=unix://etcd.sock",
        "--advertise-client-urls=unix://etcd.sock",
        "--listen-peer-urls=unix://etcd-peer.sock",
        "--initial-advertise-peer-urls=unix://etcd-peer.sock",
        "--initial-cluster=default=unix://etcd-peer.sock",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(program: Path, address: Address) -> list[str]:
    """RBAC, node authorization, an audit line for every request written before the answer is complete."""
    advertise = (
        [f"--advertise-address={address.advertise}", "--kubelet-preferred-address-types=InternalIP"]
        if address.advertise
        # Without a node nobody could use the endpoint of the `kubernetes` service.
        else ["--endpoint-reconciler-type=none"]
    )
    return [
        str(program),
        "--etcd-servers=unix://etcd.sock",
        f"--bind-address={address.bind}",
        f"--secure-port={address.port}",
        # The keeper holds the port with a bound socket, so that nobody else gets it meanwhile.
        "--permit-port-sharing",
        *advertise,
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--client-ca-file=pki/ca.crt",
        "--tls-cert-file=pki/apiserver.crt",
        "--tls-private-key-file=pki/apiserver.key",
        "--kubelet-client-certificate=pki/apiserver-kubelet.crt",
        "--kubelet-client-key=pki/apiserver-kubelet.key",
        "--kubelet-certificate-authority=pki/ca.crt",
        f"--service-account-issuer={ISSUER}",
        "--service-account-key-file=pki/sa.pub",
        "--service-account-signing-key-file=pki/sa.key",
        "--audit-policy-file=audit-policy.json",
        "--audit-log-path=audit.log",
        "--audit-log-mode=blocking-strict",
        "--profiling=false",
        "--shutdown-delay-duration=0s",
    ]


def controller_manager(program: Path) -> list[str]:
    """All controllers, each under its own service account, with rates that never slow a test down."""
    return [
        str(program),
        "--kubeconfig=controller-manager.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials",
        "--root-ca-file=pki/ca.crt",
        "--service-account-private-key-file=pki/sa.key",
        "--cluster-signing-cert-file=pki/ca.crt",
        "--cluster-signing-key-file=pki/ca.key",
        f"--cluster-cidr={POD_RANGE}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]


def scheduler(program: Path) -> list[str]:
    """The default profile."""
    return [
        str(program),
        "--kubeconfig=scheduler.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]
