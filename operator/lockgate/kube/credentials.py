"""Where the API server is and how to prove who we are: in-cluster, else the kubeconfig.

The official client library reads both kinds and refreshes tokens; nothing else of it is used.
"""

import ssl
from typing import Any

from kubernetes import client, config


class Credentials:
    """Address, TLS and headers for the API server."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self.server: str = configuration.host.rstrip("/")

    @classmethod
    def load(cls) -> "Credentials":
        """In-cluster if a ServiceAccount is mounted, else KUBECONFIG or ~/.kube/config.

        Raises `kubernetes.config.ConfigException` when there is neither.
        """
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            config.load_kube_config(client_configuration=configuration)
        return cls(configuration)

    def ssl_context(self) -> ssl.SSLContext:
        """TLS with the cluster's authority and, where there is one, a client certificate."""
        context = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        if not self._configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._configuration.cert_file:
            context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        return context

    def headers(self) -> dict[str, str]:
        """The Authorization header of this moment; a mounted token is read again every minute."""
        token = self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def token(self) -> str | None:
        """The bearer token of this moment, if there is one."""
        found: str | None = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return found.split(" ", 1)[-1].strip() if found else None

    def files(self) -> tuple[str | None, str | None, str | None]:
        """Paths of the authority, the client certificate and its key."""
        known = self._configuration
        return known.ssl_ca_cert, known.cert_file, known.key_file
