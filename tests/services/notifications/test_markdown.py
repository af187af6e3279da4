"""Posts as HTML: what Markdown gives, and nothing that runs, loads or misleads."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.notifications.markdown import TEXT_LIMIT, to_html, to_plain


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("**b** *i* `c` ~~s~~", "<p><strong>b</strong> <em>i</em> <code>c</code> <s>s</s></p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        (
            "[x](https://example.com/?a=1&b=2)",
            '<p><a href="https://example.com/?a=1&amp;b=2" rel="noopener noreferrer nofollow">x</a></p>',
        ),
        ("{{7*7}} {User.name}", "<p>{{7*7}} {User.name}</p>"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
    ],
)
def test_markdown(text: str, html: str):
    assert to_html(text) == html


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def harmful(html: str) -> list[object]:
    reader = Reader()
    reader.feed(html)
    allowed = {"href", "title", "rel", "start"}
    return [
        (tag, attributes)
        for tag, attributes in reader.seen
        if tag in ("script", "img", "iframe", "style", "object", "svg", "form", "input", "link", "meta", "base")
        or set(attributes) - allowed
        or not (attributes.get("href") or "https:").lower().startswith(("http:", "https:", "mailto:"))
    ]


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "![pixel](https://tracker.example.com/p.gif)",
    "<javascript:alert(1)>",
    '[x](https://example.com "a\\" onmouseover=\\"alert(1)")',
    "<a href='javascript:alert(1)'>x</a>",
    "```html\n<script>alert(1)</script>\n```",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg/onload=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_runs_and_nothing_is_loaded(text: str):
    """H17."""
    assert harmful(to_html(text)) == []


@given(st.text(alphabet=st.sampled_from("<>\"'`()[]{}!&#;:/\\ \n*_~-=|javscript:onerdt"), max_size=80))
def test_whatever_is_written(text: str):
    """H17."""
    assert harmful(to_html(text)) == []


def test_the_plain_text_is_what_was_written():
    assert to_plain("  **Hi**\r\n\r\n\tthere\u202e\x1b[31m\x00  \r\n\n") == "  **Hi**\n\n    there[31m"


def test_a_long_post_is_cut():
    assert len(to_plain("x" * 10 * TEXT_LIMIT)) == TEXT_LIMIT + 2
    assert to_plain("x" * 10 * TEXT_LIMIT).endswith(" …")


@pytest.mark.parametrize(
    "text",
    ["[" * 30_000, "*a " * 10_000, "> " * 15_000, "`" * 15_001 + "a", "a](" * 10_000, "- " * 10_000, "![" * 9_000],
)
def test_no_text_takes_long(text: str):
    began = time.process_time()
    to_html(text)
    assert time.process_time() - began < 2
