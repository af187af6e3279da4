"""Placeholders: one pass, escaped, allow-listed."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.templates import MASS_MAIL, InvalidTemplate, Values, compile_template

ALLOWED = {
    "Person": {"name", "first_name", "note", "born", "met_at", "tags", "vip", "worth", "site", "account.name"},
    "Contact": {"*"},
}
NAMES = MASS_MAIL | {"trackingUrl:12"}
NOW = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


def render(text, kind="text", values=None):
    return compile_template(text, kind, ALLOWED, NAMES).render(values or person())


def person(names=None, language="en", zone="UTC", **fields):
    return Values({"Person": fields, "Contact": fields}, NOW, language, zone, names or {})


def test_fields_are_put_in_also_of_a_linked_record():
    values = person(name="Zoë", account={"name": "Blau & Co"})

    assert render("Dear {Person.name} of {Person.account.name}!", values=values) == "Dear Zoë of Blau & Co!"


def test_a_linked_field_may_stand_under_its_path():
    assert render("{Person.account.name}", values=person(**{"account.name": "Blau"})) == "Blau"


def test_camel_case_names_the_same_field():
    assert render("{Person.firstName} {Person.first_name}", values=person(first_name="Zoë")) == "Zoë Zoë"


def test_a_star_allows_the_fields_of_the_record_itself_but_none_of_a_linked_one():
    values = person(hobby="chess", account={"secret": "x"})

    assert render("{Contact.hobby} {Contact.none}|{Contact.account.secret}", values=values) == (
        "chess |{Contact.account.secret}"
    )


@pytest.mark.parametrize(
    "text",
    ["{Person.password}", "{Nobody.name}", "{Person.__class__}", "{Person}", "{trackingUrl:99}", "{ Person.name }"],
)
def test_what_is_not_known_stays_as_written(text):
    assert render(text, values=person(name="Zoë")) == text


def test_the_author_is_told_what_is_unknown_but_not_of_style_sheets():
    template = compile_template("<style>p{margin:0}a{color:red}</style>{Person.nmae}{trackingUrl:9}", "html", ALLOWED)

    assert template.unknown == ("{Person.nmae}", "{trackingUrl:9}")


@pytest.mark.parametrize("kind", ["html", "text", "subject"])
@pytest.mark.parametrize("name", ["{{7*7}}", "{Person.note}", "{{Person.note}}", "{% for x in y %}", "{currentYear}"])
def test_a_value_is_never_a_template(kind, name):
    """H11: markup and placeholders in a contact's name are literal text."""
    assert render("{Person.name}", kind, person(name=name, note="secret")) == name


def test_a_value_is_escaped_in_html():
    """H11: a script in a contact's name is text."""
    html = render("<p>{Person.name}</p>", "html", person(name="<script>alert('1')</script>&"))

    assert html == "<p>&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&amp;</p>"


def test_lines_of_a_value_are_line_breaks_in_html_and_lines_in_text():
    values = person(note="one\r\ntwo\rthree")

    assert render("{Person.note}", "html", values) == "one<br>\ntwo<br>\nthree"
    assert render("{Person.note}", "text", values) == "one\ntwo\nthree"
    assert render('<p title="{Person.note}">', "html", values) == '<p title="one two three">'


def test_a_value_does_not_leave_its_attribute():
    assert render('<p title="{Person.name}">', "html", person(name='"><img src=x>')) == (
        '<p title="&quot;&gt;&lt;img src=x&gt;">'
    )


def test_a_field_in_a_tag_needs_quotes():
    with pytest.raises(InvalidTemplate, match=r"line 2: \{Person.site\} stands inside a tag and needs quotes"):
        compile_template("<p>\n<a href={Person.site}>", "html", ALLOWED)


@pytest.mark.parametrize(
    ("site", "href"),
    [
        ("https://example.org/?a=1&b=2", "https://example.org/?a=1&amp;b=2"),
        ("javascript:alert(1)", "#"),
        (" JAVASCRIPT:alert(1)", "#"),
        ("data:text/html,x", "#"),
        (None, ""),
    ],
)
def test_a_field_that_is_a_link_is_one_to_follow(site, href):
    assert render('<a href="{Person.site}">', "html", person(site=site)) == f'<a href="{href}">'


@pytest.mark.parametrize("blocks", ["", "{% if true %}{{ 1 }}{% endif %}"])
async def test_in_text_a_link_without_an_address_is_its_words(blocks):
    """So is one of a text that is made from HTML."""
    from jobrunner.services.mail.templates import Renderer, complete

    html = f'<p>{blocks}Our <a href="{{Person.site}}">page</a>, and <a href="{{trackingUrl:12}}">news</a>{blocks}</p>'
    _, plain = complete(html, None, opt_out=False, pixel=False)
    template = compile_template(plain, "text", ALLOWED, NAMES)
    batch = [
        person({"trackingUrl:12": "https://t/x"}, site="https://example.org"),
        person({"trackingUrl:12": ""}, site=None),
    ]
    async with Renderer([template]) as renderer:
        texts = [text.replace("1", "") for (text,) in await renderer.render(batch)]  # type: ignore[misc]
    assert texts == ["Our page <https://example.org>, and news <https://t/x>", "Our page, and news"]


def test_names_of_the_mailing():
    values = person({"optOutUrl": "https://example.org/u/a", "queueItemId": "7", "trackingUrl:12": "https://t/x"})

    assert (
        render("{trackingUrl:12} {queueItemId} {optOutUrl}", values=values) == "https://t/x 7 https://example.org/u/a"
    )
    assert render("{optOutLink}", "html", values) == '<a href="https://example.org/u/a">Unsubscribe</a>'
    assert render("{optOutLink}", "text", values) == "Unsubscribe: https://example.org/u/a"


def test_names_that_the_mailing_does_not_give_stay_as_written():
    assert compile_template("{optOutUrl} {optOutLink}", "html", ALLOWED).render(person()) == "{optOutUrl} {optOutLink}"


def test_moments_are_those_of_the_recipient():
    text = "{today} | {now} | {currentYear}"

    assert render(text, values=person(zone="UTC")) == "Dec 31, 2026 | Dec 31, 2026 11:30\u202fPM | 2026"
    assert render(text, values=person(language="de_AT", zone="Europe/Vienna")) == "01.01.2027 | 01.01.2027 00:30 | 2027"


@pytest.mark.parametrize("language", ["", "xx", "no such language", "en_ZZ"])
@pytest.mark.parametrize("zone", ["", "Europe/Nowhere", "../etc/passwd"])
def test_a_language_and_a_zone_that_are_not_known_are_english_and_utc(language, zone):
    assert render("{today}", values=person(language=language, zone=zone)).startswith(("Dec 31, 2026", "31 Dec 2026"))


def test_values_are_written_as_people_read_them():
    values = person(
        language="de", born=date(1990, 5, 4), met_at=NOW, tags=["a", "b"], vip=True, worth=Decimal("1234.5"), note=None
    )

    assert render(
        "{Person.born}|{Person.met_at}|{Person.tags}|{Person.vip}|{Person.worth}|{Person.note}", values=values
    ) == ("04.05.1990|31.12.2026 23:30|a, b|Ja|1.234,5|")


def test_a_subject_is_one_line():
    values = person(name="Zoë\r\nBcc: all@example.org")

    assert render("Hello\r\n{Person.name}\x00", "subject", values) == "Hello Zoë Bcc: all@example.org"


def test_controls_go_nowhere():
    assert render("a\x00b{Person.name}", values=person(name="c\x00\x1b\ud800d")) == "abcd"


def test_pieces_that_do_not_vary_are_there_once():
    template = compile_template("Dear {Person.name}, {Person.nope} it is {today}.", "text", ALLOWED)

    assert [s if isinstance(s, str) else s.text for s in template.segments] == [
        "Dear ", "{Person.name}", ", {Person.nope} it is ", "{today}", ".",
    ]  # fmt: skip
    assert template.join(template.fill(person(name="Zoë"))) == "Dear Zoë, {Person.nope} it is Dec 31, 2026."


def test_blocks_can_be_switched_off():
    assert compile_template("{{7*7}}", "text", ALLOWED, blocks=False).render(person()) == "{{7*7}}"


@pytest.mark.parametrize("text", ["{{ 7", "7 }}", "}} {{", "{% if", "%} {%"])
def test_blocks_need_both_braces(text):
    assert render(text) == text


def test_a_template_without_an_end_is_refused():
    with pytest.raises(InvalidTemplate, match="at most 5,242,880"):
        compile_template("x" * (5 * 1024 * 1024 + 1), "text", ALLOWED)


@given(st.text(), st.text(), st.text(alphabet="{}%.:Personname <>\"'&"))
def test_html_around_a_value_is_what_the_author_wrote(before, value, noise):
    """H11: whatever a name is, no tag and no quote of it gets through."""
    around = before.replace("<", "").replace("{", "").replace("\r", "")
    for name in (value, noise):
        html = compile_template(around + "<p>{Person.name}</p>", "html", ALLOWED).render(person(name=name))
        inside = html.rpartition("<p>")[2].removesuffix("</p>")
        assert not set(inside.replace("<br>\n", "")) & set("<>\"'")


@given(st.text())
def test_any_text_compiles_and_one_without_braces_is_itself(text):
    compile_template(text, "text", ALLOWED, NAMES)
    plain = "".join(c for c in text if c not in "{}\r" and (c >= " " or c in "\t\n") and not "\x7f" <= c <= "\x7f")
    assert render(plain) == plain
