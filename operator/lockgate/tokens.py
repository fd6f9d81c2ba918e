"""A bearer token in a mounted file: what is in it now?

Read at each use, since whoever mounted it renews it. No token enters a message.
"""

from pathlib import Path


def read_token(file: Path) -> str:
    """The token, empty where the file is; ValueError with words where it holds none that can be sent."""
    try:
        token = file.read_text().strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"the token for it cannot be read ({type(error).__name__})") from None
    if not token.isascii() or not token.isprintable():
        raise ValueError("the token for it is none")
    return token
