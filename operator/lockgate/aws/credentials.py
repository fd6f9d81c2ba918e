"""With which keys is AWS asked for a target? From a mounted file, or lent for a web identity.

A file is read at each use, since whoever mounted it renews it. What is lent is kept until shortly before it
ends. No key, no token and no answer that holds one enters a message.
"""

import configparser
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from lockgate.api.moments import parse_time
from lockgate.aws.errors import BackendDenied
from lockgate.aws.signing import Keys
from lockgate.aws.targets import Target
from lockgate.tokens import read_token

_EARLY: Final = timedelta(minutes=5)
_SESSION: Final = "lockgate"
Lend = Callable[[Target, bytes], Awaitable[str]]
"""Asks AWS to lend keys, with a body of ours; raises a LockgateError."""


@dataclass(frozen=True, slots=True)
class _Lent:
    keys: Keys
    until: datetime


class Credentials:
    """Keys by target."""

    def __init__(self, lend: Lend) -> None:
        self._lend = lend
        self._lent: dict[str, _Lent] = {}

    async def of(self, target: Target, now: datetime) -> Keys:
        """The keys for now; raises BackendDenied where there are none, or what the asking raises."""
        if target.credentials_file is not None:
            return _from_file(target, target.credentials_file)
        lent = self._lent.get(target.name)
        if lent is None or now >= lent.until - _EARLY:
            lent = self._lent[target.name] = _read(target, await self._lend(target, _asked(target)))
        return lent.keys

    def forget(self, target: Target) -> None:
        """They were refused: those that are lent are asked for anew."""
        self._lent.pop(target.name, None)


def _asked(target: Target) -> bytes:
    assert target.token_file is not None
    try:
        token = read_token(target.token_file)
    except ValueError as error:
        raise BackendDenied(f"target {target.name} has no web identity: {error}") from None
    return urlencode(
        {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": target.role,
            "RoleSessionName": _SESSION,
            "WebIdentityToken": token,
        }
    ).encode()


def _read(target: Target, answer: str) -> _Lent:
    """Four texts out of an answer whose form is fixed; no parser is let loose on a stranger's XML."""
    found = [
        re.search(rf"<{name}>([^<>\s]{{1,8192}})</{name}>", answer)
        for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    ]
    if not all(found):
        raise BackendDenied(f"AWS lent no keys for the role of target {target.name}")
    access, secret, token, until = (match[1] for match in found if match)
    try:
        return _Lent(Keys(access, secret, token), parse_time(until))
    except ValueError:
        raise BackendDenied(f"AWS lent keys for target {target.name} that end at no moment") from None


def _from_file(target: Target, file: Path) -> Keys:
    """As the tools of AWS write it: a section with the two keys, perhaps a token."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text())
        section = parser["default"]
        return Keys(
            section["aws_access_key_id"],
            section["aws_secret_access_key"],
            section.get("aws_session_token", ""),
        )
    except (OSError, ValueError, KeyError, configparser.Error) as error:
        said = type(error).__name__
        raise BackendDenied(f"the credentials file of target {target.name} cannot be used ({said})") from None
