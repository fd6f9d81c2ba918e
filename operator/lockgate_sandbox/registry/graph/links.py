"""The addresses in the registry's answers: where a file is fetched, where an upload goes.

They follow the address the caller came to and are signed, so that they need no key.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from lockgate_sandbox.registry.rows import Manifest, Run, StoredFile
from lockgate_sandbox.registry.store import Store


def signed(store: Store, base_url: str, resource: str, user: str) -> str:
    signature = store.sign(f"{resource}?{user}")
    return f"{base_url}{quote(resource)}?{urlencode({'for': user, 'signature': signature})}"


def file_url(store: Store, base_url: str, file: StoredFile, user: str) -> str:
    """Where the content is; for a reference, what it refers to."""
    return file.ref or signed(store, base_url, f"/storage/files/{file.id}/{file.path}", user)


def manifest_url(store: Store, base_url: str, manifest: Manifest, user: str) -> str:
    """For reading (GET) and for writing (PUT)."""
    return signed(store, base_url, f"/storage/manifests/{manifest.id}", user)


def content_upload_url(store: Store, base_url: str, hex_md5: str, user: str) -> str:
    return signed(store, base_url, f"/storage/contents/{hex_md5}", user)


def run_file_url(store: Store, base_url: str, run: Run, name: str, user: str) -> str:
    return signed(store, base_url, f"/storage/runs/{run.id}/{name}", user)
