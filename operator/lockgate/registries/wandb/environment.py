"""Keeps the client silent, away from stray files and settings, and lets it trust whom we are told to.

The client has two halves, and each has a variable of its own for whom it trusts: its process is a Go
program, its downloads are Python's. Both are pointed at one file made here.
"""

import atexit
import contextlib
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from lockgate.errors import RegistryUntrusted

_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_AUTHORITIES = "authorities.pem"


def isolate_environment(ca_bundle: Path | None = None, *, beside: Iterable[Path] = ()) -> None:
    """Set the variables that the client reads; `ca_bundle` is trusted beside the system's authorities.

    So are those `beside` it, of other registries of this program; one of them that cannot be used is
    theirs to tell. Must run before wandb is imported for the first time, and after its process ended
    when a bundle changed; host and key are always passed by hand. Raises RegistryUntrusted when the
    bundle cannot be read.
    """
    scratch = Path(tempfile.gettempdir()) / f"lockgate-wandb-{os.getpid()}"
    if not scratch.exists():
        scratch.mkdir(mode=0o700, exist_ok=True)
        # Before the client registers its own end, so that this runs after it.
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    os.environ.update(
        {
            "WANDB_SILENT": "true",
            "WANDB_CONSOLE": "off",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_DISABLE_GIT": "true",
            **{f"WANDB_{kind}_DIR": str(scratch) for kind in ("CACHE", "CONFIG", "DATA")},
            "WANDB_DIR": str(scratch),
        }
    )
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_MODE"):
        os.environ.pop(name, None)
    texts = {} if ca_bundle is None else {ca_bundle: _certificates(ca_bundle)}
    for other in set(beside) - texts.keys():
        with contextlib.suppress(RegistryUntrusted):
            texts[other] = _certificates(other)
    if texts:
        _trust(texts.values(), scratch / _AUTHORITIES)


def _trust(given: Iterable[str], merged: Path) -> None:
    texts = [*given, *_known_authorities(merged)]
    # Replaced as a whole: downloads that are under way may read it at any moment.
    draft = merged.with_suffix(".new")
    draft.write_text("\n".join(texts))
    draft.replace(merged)
    os.environ.update(dict.fromkeys(_TRUST, str(merged)))


def _certificates(ca_bundle: Path) -> str:
    try:
        text = ca_bundle.read_text()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        raise RegistryUntrusted(
            f"there {'is no CA bundle' if missing else 'are no usable certificates'} at {ca_bundle}; "
            "create what the registry's caBundle in the chart names in this namespace, in PEM"
        ) from error
    return text


def _known_authorities(merged: Path) -> Iterator[str]:
    # Comes with the client, whose downloads trust it when they are told nothing.
    import certifi

    system = ssl.get_default_verify_paths().cafile
    for path in dict.fromkeys((system, certifi.where())):
        if path is not None and Path(path) != merged:
            yield Path(path).read_text()
