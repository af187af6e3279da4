"""In words what to do where the certificate of a mail server is refused."""

import re

EXPIRED = re.compile(r"expired|not yet valid", re.IGNORECASE)
OTHER_NAME = re.compile(r"mismatch|doesn't match|not valid for", re.IGNORECASE)


def advise_on_certificate(words: str, change: str) -> str:
    """Return what to do.

    Args:
        words: why it was refused, as the TLS library says.
        change: what sets another host, with NAME for it.
    """
    if OTHER_NAME.search(words):
        return (
            "The certificate is for another name: set the host to the name that stands in it, not an alias or address "
            f"({change})."
        )
    if EXPIRED.search(words):
        return "Have the server's operator renew the certificate, and check the clock of this machine."
    return (
        "It is signed by nobody whom this machine trusts. If the authority is your own, name its certificate file in "
        "SSL_CERT_FILE, or add it to those of the machine; else somebody may be between you and the server."
    )
