"""What tests on the cluster share: the client that asks its API server."""

from collections.abc import Iterator

import pytest

from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster_world import ClusterWorld


@pytest.fixture
def client(cluster: ClusterWorld) -> Iterator[ApiClient]:
    with ApiClient(cluster.kubeconfig) as client:
        yield client
