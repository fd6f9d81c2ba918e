"""Where the API server is and how to prove who we are: in-cluster, else the kubeconfig.

The official client library reads both kinds and refreshes tokens; nothing else of it is used.
"""

import contextlib
import ssl
import time
import weakref
from pathlib import Path
from typing import Any

from kubernetes import client, config

LOOK_SECONDS = 10.0


class Credentials:
    """Address, TLS and headers for the API server."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self._contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        self._read = self._stamp()
        self._looked_at = time.monotonic()
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
        """TLS with the cluster's authority and, where there is one, a client certificate.

        `refresh` keeps it up to date.
        """
        context = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        if not self._configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._configuration.cert_file:
            context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        self._contexts.add(context)
        return context

    def refresh(self) -> None:
        """Read authority and certificate again when their files change; looks every ten seconds.

        Connections that are open stay as they are. An authority that is gone is trusted until the
        process ends, so that a rotation breaks nothing half-way.
        """
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        # Half-written files cannot be read; the next look finds them whole.
        with contextlib.suppress(OSError, ssl.SSLError):
            stamp = self._stamp()
            if stamp != self._read:
                for context in tuple(self._contexts):
                    self._load_into(context)
                self._read = stamp

    def _load_into(self, context: ssl.SSLContext) -> None:
        known = self._configuration
        if known.ssl_ca_cert:
            context.load_verify_locations(cafile=known.ssl_ca_cert)
        if known.cert_file:
            context.load_cert_chain(known.cert_file, known.key_file)

    def _stamp(self) -> tuple[int, ...]:
        known = self._configuration
        names = (known.ssl_ca_cert, known.cert_file, known.key_file)
        return tuple(Path(name).stat().st_mtime_ns for name in names if name and Path(name).exists())

    def headers(self) -> dict[str, str]:
        """The Authorization header of this moment; a mounted token is read again every minute."""
        token = self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def token(self) -> str | None:
        """The bearer token of this moment, if there is one."""
        found: str | None = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return found.split(" ", 1)[-1].strip() if found else None
