"""The messages of the test that kills."""

from tests.services.mail.importing.letters import HEAD, multipart, part

NUMBER = 300


def letter_number(number: int) -> bytes:
    """A mail with a file of its own, and one that all have in common."""
    head = HEAD.replace("<1@", f"<{number}@").encode()
    own = part(b"%d" % number * 500, "application/pdf", Content_Disposition="attachment; filename=own.pdf")
    return head + multipart(part(b"Hello"), own, part(b"logo" * 1000, "image/png"))
