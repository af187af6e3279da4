"""Plain part, link to unsubscribe, open pixel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.templates import complete, plain_text


def test_the_plain_part_keeps_placeholders_links_and_lists():
    html = """<html><head><title>No</title><style>p{margin:0}</style></head><body>
      <div style="display:none">Preview</div>
      <h1>Hello {Person.name} &amp; friends</h1>
      <p>See <a href="{trackingUrl:1}">our <b>shop</b></a>, or
         <a href="https://example.org">https://example.org</a>.<br>Bye</p>
      <ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul><ol><li>a<li>b</ol>
      <table><tr><td>x</td><td>1</td></tr><tr><td>y</td><td>2</td></tr></table>
      <img src="x" alt="A picture"><script>no()</script>{% if Person.vip %}Dear{% endif %}
      <pre>  kept
    as is</pre>
    </body></html>"""

    assert plain_text(html) == "\n".join([
        "Hello {Person.name} & friends", "",
        "See our shop <{trackingUrl:1}>, or https://example.org.", "Bye", "",
        "* one", "* two", "  * deep", "", "1. a", "2. b", "",
        "x 1", "y 2", "",
        "A picture{% if Person.vip %}Dear{% endif %}", "",
        "  kept", "    as is",
    ])  # fmt: skip


def test_what_is_hidden_ends_with_its_element():
    assert plain_text('<div hidden>a<br>b</div>c<input type="hidden">d<style>e</style>f') == "cdf"


@given(st.text())
def test_any_text_is_read(html):
    plain_text(html)


def test_the_link_to_unsubscribe_goes_before_the_end_of_the_body_and_into_the_text():
    html, text = complete("<body><p>Hi</p></body></html>", None, opt_out=True, pixel=False)

    assert html == "<body><p>Hi</p><br><br>{optOutLink}\n</body></html>"
    assert text == "Hi\n\n{optOutLink}\n"


@pytest.mark.parametrize("own", ['<a href="{optOutUrl}">stop</a>', "{optOutLink}"])
def test_a_link_of_the_author_is_enough(own):
    html, text = complete(f"<p>Hi {own}</p>", None, opt_out=True, pixel=False)

    assert html == f"<p>Hi {own}</p>"
    assert text.count("{optOut") == 1


def test_each_part_needs_the_link_of_its_own():
    html, text = complete("<p>{optOutLink}</p>", "Hi", opt_out=True, pixel=False)

    assert html == "<p>{optOutLink}</p>"
    assert text == "Hi\n\n{optOutLink}\n"


def test_the_pixel_goes_into_the_html_only():
    html, text = complete("<p>Hi</p>", "Hi", opt_out=False, pixel=True)

    assert html is not None
    assert html.startswith('<p>Hi</p><img src="{openPixelUrl}" width="1"')
    assert text == "Hi"


def test_a_plain_template_stays_plain():
    assert complete(None, "Hi", opt_out=True, pixel=True) == (None, "Hi\n\n{optOutLink}\n")
