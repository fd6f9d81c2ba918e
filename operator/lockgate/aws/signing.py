"""How a request to AWS is signed: Signature Version 4, as its public specification has it. Pure.

No credential enters anything but the signature that is made with it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are signed with; `token` goes with keys that are lent for a while."""

    access: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


def signed(
    headers: Mapping[str, str], body: bytes, *, keys: Keys, service: str, region: str, now: datetime
) -> dict[str, str]:
    """The headers of a POST to `/` with what proves who sends it; `headers` must name the host."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    known = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    known["x-amz-date"] = moment
    if keys.token:
        known["x-amz-security-token"] = keys.token
    names = ";".join(sorted(known))
    lines = "".join(f"{name}:{known[name]}\n" for name in sorted(known))
    canonical = "\n".join(("POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()))
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    what = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    proof = hmac.new(key, what.encode(), hashlib.sha256).hexdigest()
    told = f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={proof}"
    return known | {"authorization": told}
