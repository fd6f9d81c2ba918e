"""Takes out of a text what nobody may read: a key in every spelling, and what makes an address valid."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_BLANK = "..."
# An address may carry a password before its host, and a signature behind its path.
_PASSWORD = re.compile(r"(?<=://)[^/\s@]*@")
_QUERY = re.compile(r"(?<=\?)[^\s\"'<>]*=[^\s\"'<>]*")
_HEADER = re.compile(r"((?:proxy-)?authorization|cookie)([\"']?\s*[:=]\s*)[^\r\n]*", re.IGNORECASE)


def blanked(text: str, key: str) -> str:
    """The text without the key, however it is encoded, and without what signs an address."""
    for spelling in sorted(set(_spellings(key)), key=len, reverse=True):
        text = text.replace(spelling, _BLANK)
    text = _HEADER.sub(rf"\1\2{_BLANK}", text)
    return _QUERY.sub(_BLANK, _PASSWORD.sub(f"{_BLANK}@", text))


def _spellings(key: str) -> Iterator[str]:
    if not key:
        return
    yield from (key, quote(key, safe=""), quote_plus(key), key.encode().hex())
    for shift in range(3):
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            # What stands before the key moves it within the groups of three bytes that base64 knows;
            # the characters at its ends also hold bits of its neighbours.
            shifted = bytes(shift) + key.encode()
            inner = encode(shifted).decode()[-(-8 * shift // 6) : len(shifted) * 8 // 6]
            if inner:
                yield inner
