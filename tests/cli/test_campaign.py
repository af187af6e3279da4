"""`jobrunner campaign` and `jobrunner email-template`, as a person types them."""

import pytest


async def test_the_life_of_a_campaign(call):
    for name in ("L", "X"):
        await call("target-list", "add", name)
    added = await call(
        *("campaign", "add", "Spring", "--type", "newsletter", "--start", "2026-03-01", "--end", "2026-05-31"),
        *("--budget", "1000.50", "--team", "Sales", "--list", "L", "--excluding", "X", "--json"),
    )
    assert added.code == 0, added.err
    assert (added.json["type"], added.json["status"], added.json["budget"]) == ("Newsletter", "Planning", "1000.50")
    assert (added.json["target_lists"], added.json["excluding_lists"]) == (["L"], ["X"])
    assert (
        await call("campaign", "edit", "Spring", "--status", "ACTIVE", "--clear", "end", "--clear", "list")
    ).code == 0
    (row,) = (await call("campaign", "list", "--json")).json
    assert (row["status"], row["end_date"], row["target_lists"], row["start_date"]) == (
        "Active",
        None,
        [],
        "2026-03-01",
    )

    done = await call("campaign", "add-url", "Spring", "Offer", "--url", "https://example.com/offer?a=1")
    placeholder = done.out.strip()
    assert placeholder.startswith("{trackingUrl:")
    done = await call("campaign", "edit-url", "Spring", "Offer", "--url", "https://example.com/other")
    assert done.out.strip() == placeholder
    done = await call("campaign", "show", "Spring")
    assert "Figures\nsent\t0\nopened\t0\n" in done.out
    assert f"\t{placeholder}\thttps://example.com/other\t0\t0" in done.out
    assert (await call("campaign", "remove-url", "Spring", "Offer")).out.startswith("removed")
    done = await call("campaign", "remove", "Spring")
    assert (done.code, done.err) == (0, "")
    assert (await call("campaign", "list", "--json")).json == []


async def test_that_links_in_mails_die_with_a_campaign_is_said(call):
    await call("campaign", "add", "Spring")
    for name in ("Offer", "News"):
        await call("campaign", "add-url", "Spring", name, "--url", "https://example.com/")
    done = await call("campaign", "remove", "Spring")
    assert done.code == 0
    assert done.err == "Warning: links by 2 tracking URLs in mails that were sent lead nowhere from now on\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "C", "--type", "Fax"), "there is no type of campaign 'Fax'"),
        (("add", "C", "--status", "Activ"), "there is no status of a campaign 'Activ'; did you mean Active"),
        (("add", "C", "--start", "1.5.2026"), "--start '1.5.2026' is no date; write it as 2026-05-04"),
        (("add", "C", "--start", "2026-05-02", "--end", "2026-05-01"), "a campaign may not end before it starts"),
        (("add", "C", "--budget", "much"), "--budget must be an amount from 0 on, got 'much'"),
        (("add", "C", "--list", "L"), "there is no target list 'L'"),
        (("edit", "Web"), "nothing to change"),
        (
            ("add-url", "Web", "U", "--url", "https://x.org"),
            "only campaigns of type Email and Newsletter have tracking",
        ),
        (("add-url", "Mail", "U", "--url", "ftp://x.org"), "'ftp://x.org' is no URL to send readers to"),
        (
            ("add-url", "Mail", "U", "--url", "javascript:alert(1)"),
            "'javascript:alert(1)' is no URL to send readers to",
        ),
        (("add-url", "Mail", "U", "--url", "https://a@x.org"), "'https://a@x.org' is no URL to send readers to"),
        (("add-url", "Mail", "U", "--url", "https://x.org/a b"), "'https://x.org/a b' may have no blanks"),
        (("add-url", "Mail", "U"), "a tracking URL has either a URL to redirect to or a message to show"),
        (("edit-url", "Mail", "U", "--url", "https://x.org"), "the campaign 'Mail' has no tracking URL 'U'"),
    ],
)
async def test_mistakes_are_refused(call, arguments, sentence):
    await call("campaign", "add", "Web", "--type", "web")
    await call("campaign", "add", "Mail", "--type", "email")
    done = await call("campaign", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: {sentence}")


async def test_the_life_of_a_template(call, tmp_path):
    (tmp_path / "a.html").write_text("<p>Hällo {Person.name}</p>\r\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("Hällo {Person.name}\n", encoding="utf-8")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    done = await call("email-template", "add", "Hi", "--subject", "Hällo", "--html", "a.html", "--text", "a.txt")
    assert (done.code, done.err) == (0, "")
    shown = (await call("email-template", "show", "Hi", "--json")).json
    assert (shown["body"], shown["plain_body"]) == ("<p>Hällo {Person.name}</p>\n", "Hällo {Person.name}\n")
    assert (await call("email-template", "attach", "Hi", "logo.png", "--image", "logo")).out == (
        "attached logo.png (image/png, 4 bytes)\n"
    )
    assert (await call("email-template", "edit", "Hi", "--subject", "Hi", "--clear", "text")).code == 0
    shown = (await call("email-template", "show", "Hi", "--json")).json
    assert (shown["subject"], shown["plain_body"], shown["attachments"]) == ("Hi", None, ["logo.png"])
    assert (await call("email-template", "detach", "Hi", "logo.png")).code == 0
    assert (await call("email-template", "detach", "Hi", "logo.png")).code == 2

    assert (await call("email-template", "add", "Plain", "--subject", "Hi", "--text", "a.txt")).code == 0
    assert (await call("email-template", "show", "Plain", "--json")).json["is_html"] is False
    (tmp_path / "a.txt").write_text("Bye\n", encoding="utf-8")
    await call("email-template", "edit", "Plain", "--text", "a.txt")
    shown = (await call("email-template", "show", "Plain", "--json")).json
    assert (shown["body"], shown["plain_body"]) == ("Bye\n", None)
    assert {row["name"] for row in (await call("email-template", "list")).rows} == {"Hi", "Plain"}
    assert (await call("email-template", "remove", "Hi", "Plain")).code == 0


async def test_misspelt_placeholders_are_pointed_out(call, tmp_path):
    await call("campaign", "add", "C", "--type", "newsletter")
    await call("campaign", "add-url", "C", "Seeds", "--url", "https://example.com/")
    text = "{Person.frstName} {Person.firstName} {Person.last_name} {Person.city} {Persn.email} {today}\n"
    (tmp_path / "a.txt").write_text(
        text + "{trackingUrl:1} {trackingUrl:7} {optOutURL} {Contact.account.name} {color}\n"
    )
    done = await call("email-template", "add", "T", "--subject", "{Person.Name}", "--text", "a.txt")
    assert (done.code, done.err.splitlines()) == (
        0,
        [
            "Warning: {Person.frstName} is none of ours; did you mean {Person.firstName}?",
            "Warning: {Persn.email} is not known and stays as it is written; did you mean {Person.email}?",
            "Warning: {trackingUrl:7} is no tracking URL: `jobrunner campaign show NAME` lists them",
            "Warning: {optOutURL} is none of ours; did you mean {optOutUrl}?",
        ],
    )
    (tmp_path / "a.txt").write_text("Dear {Person.firstName}, {optOutUrl}")
    done = await call("email-template", "edit", "T", "--subject", "Hi", "--text", "a.txt")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "T", "--subject", "S"), "a template needs a body: give --html FILE, --text FILE, or both"),
        (("add", "T", "--subject", "S", "--html", "none"), "--html: none cannot be read: no such file or directory"),
        (("add", "T", "--subject", "S", "--html", "latin"), "--html: latin is not UTF-8"),
        (("add", "T", "--subject", "a\r\nBcc: x@y", "--text", "ok"), "a subject is one line of at most 998 letters"),
        (("add", "T", "--subject", "S", "--text", "nul"), "a template may hold no NUL character"),
        (("show", "None"), "there is no template 'None'"),
        (("add", "T", "--subject", " ", "--text", "ok"), "a template needs a subject"),
        (("add", "T", "--subject", "S", "--text", "blank"), "a template needs a body, and that given is empty"),
        (
            ("add", "T", "--subject", "S", "--html", "tag"),
            "line 1: {Person.email} stands inside a tag",
        ),
    ],
)
async def test_mistakes_with_templates_are_refused(call, tmp_path, arguments, sentence):
    """H04 for subjects."""
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "nul").write_bytes(b"a\0b")
    (tmp_path / "ok").write_text("ok")
    (tmp_path / "blank").write_text("\n \n")
    (tmp_path / "tag").write_text("<a href={Person.email}>you</a>")
    done = await call("email-template", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: {sentence}")


async def test_an_edit_is_whole_or_nothing(call):
    """Fields and lists are one change."""
    await call("target-list", "add", "L")
    await call("campaign", "add", "Spring", "--list", "L", "--team", "Sales")
    before = (await call("campaign", "list", "--json")).json
    done = await call("campaign", "edit", "Spring", "--name", "Autumn", "--clear", "list", "--excluding", "Nowhere")
    assert (done.code, "there is no target list 'Nowhere'" in done.err) == (2, True)
    await call("campaign", "add", "Autumn")
    done = await call("campaign", "edit", "Spring", "--name", "Autumn", "--clear", "list")
    assert (done.code, "there is a campaign of that name already" in done.err) == (1, True)
    assert [one for one in (await call("campaign", "list", "--json")).json if one["name"] == "Spring"] == before
    await call("campaign", "edit", "Spring", "--clear", "team", "--clear", "list", "--excluding", "L")
    (after,) = [one for one in (await call("campaign", "list", "--json")).json if one["name"] == "Spring"]
    assert (after["teams"], after["target_lists"], after["excluding_lists"]) == ([], [], ["L"])
