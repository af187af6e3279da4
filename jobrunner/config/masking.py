"""Secrets in what is shown."""

import re
from urllib.parse import unquote


def mask_url(text: str) -> str:
    """Return the text with the passwords of all URLs in it replaced by `***`.

    Rather too much than too little: everything between the first colon behind `://` and the last `@`.
    """
    return re.sub(r"[A-Za-z][\w+.-]*://\S+", lambda match: mask_one_url(match[0]), text)


def mask_one_url(url: str) -> str:
    """Return what is one URL as a whole, even with blanks in it, without its password."""
    masked = re.sub(r"://([^:]*):.*@", r"://\1:***@", url, flags=re.DOTALL)
    head, mark, query = masked.partition("?")
    return head + mark + "&".join(_mask_parameter(parameter) for parameter in query.split("&"))


def _mask_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    secret = equals and re.search("pass|pwd|secret|token|key", unquote(name), re.IGNORECASE)
    return f"{name}=***" if secret else parameter
