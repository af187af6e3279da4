"""What a mailing adds to the template of its author: a plain part, the link to unsubscribe, the open pixel."""

import re

from jobrunner.services.mail.templates.plain import plain_text

OPT_OUT = re.compile(r"\{optOut(?:Url|Link)\}")
PIXEL = '<img src="{openPixelUrl}" width="1" height="1" alt="" style="border:0">'
END = re.compile(r"</body\s*>", re.IGNORECASE)


def complete(html: str | None, text: str | None, *, opt_out: bool, pixel: bool) -> tuple[str | None, str]:
    """Return HTML and plain part of a template as they are to be compiled.

    Args:
        html: the HTML part, None where the template is plain.
        text: the plain part; where it is empty, it is made from the HTML.
        opt_out: whether a part that has no link to unsubscribe gets one.
        pixel: whether the HTML gets the pixel that tells that it was opened.
    """
    plain = text if text and text.strip() else plain_text(html or "")
    if opt_out and not OPT_OUT.search(plain):
        plain = f"{plain.rstrip()}\n\n{{optOutLink}}\n"
    if html is None:
        return None, plain
    if opt_out and not OPT_OUT.search(html):
        html = before_end(html, "<br><br>{optOutLink}\n")
    if pixel:
        html = before_end(html, f"{PIXEL}\n")
    return html, plain


def before_end(html: str, addition: str) -> str:
    """Return the HTML with something added at the end of its body."""
    ends = list(END.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return html[:at] + addition + html[at:]
