"""The page to unsubscribe, RFC 8058, and what no scanner brings about."""

import asyncio

import httpx
import pytest

from jobrunner.db.secrets import Key, Keyring, renew_signing_key
from jobrunner.services.massmail.tokens import PURPOSE
from tests.web.conftest import SECRET, Mailing, Site, serve

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def test_the_page_shows_a_button_and_changes_nothing(site: Site, mailing: Mailing):
    """H15."""
    page = await site.client.get(mailing.unsubscribe)

    assert page.status_code == 200
    assert '<form method="post">' in page.text
    assert "z***@example.org" in page.text.lower()
    assert "zoe" not in page.text.lower()
    assert await mailing.lists_left() == [False, False]
    assert await mailing.log() == []


@pytest.mark.parametrize("body", [{"data": ONE_CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}])
async def test_one_click_unsubscribes_at_once_and_as_often_as_it_comes(site: Site, mailing: Mailing, body):
    """RFC 8058: either type of body, no cookie, no redirect, answered directly; idempotent."""
    for _ in range(3):
        async with httpx.AsyncClient() as provider:
            answer = await provider.post(mailing.unsubscribe, **body)
        assert answer.status_code == 200
        assert not answer.cookies

    assert await mailing.lists_left() == [True, True]
    assert await mailing.log() == [("Opted Out", "Human")]
    assert not await mailing.address_is_out()


async def test_a_post_without_a_body_or_user_agent_is_taken_too(site: Site, mailing: Mailing):
    answer = await site.client.post(mailing.unsubscribe, content=b"", headers={"User-Agent": ""})

    assert answer.status_code == 200
    assert await mailing.lists_left() == [True, True]


@pytest.mark.parametrize("body", [b"List-Unsubscribe=One-Click", b"subscribe=again"])
async def test_a_post_that_was_broken_off_changes_nothing(
    site: Site, mailing: Mailing, caplog: pytest.LogCaptureFixture, body: bytes
):
    """Its client is gone amid the body: of the button to subscribe again, the half would say the contrary."""
    path = httpx.URL(mailing.unsubscribe).raw_path
    server = site.web.server._server
    assert server is not None
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path, len(body)) + body[:-3])
    async with asyncio.timeout(20):
        while not server.server_state.tasks:
            await asyncio.sleep(0.01)
        writer.close()
        while server.server_state.tasks:
            await asyncio.sleep(0.01)
    assert await mailing.lists_left() == [False, False]
    assert await mailing.log() == []
    assert caplog.records == []


async def test_who_does_not_wait_for_the_answer_is_off_the_lists(site: Site, mailing: Mailing):
    """RFC 8058: the request is whole, in however many pieces it came."""
    path = httpx.URL(mailing.unsubscribe).raw_path
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-Unsub" % path)
    server = site.web.server._server
    assert server is not None
    async with asyncio.timeout(20):
        while not server.server_state.tasks:
            await asyncio.sleep(0.01)
        writer.write(b"scribe=One-Click")
        writer.close()
        while not await mailing.log():
            await asyncio.sleep(0.01)
    assert await mailing.lists_left() == [True, True]


async def test_many_at_once_log_it_once(site: Site, mailing: Mailing):
    answers = await asyncio.gather(*(site.client.post(mailing.unsubscribe, data=ONE_CLICK) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert await mailing.log() == [("Opted Out", "Human")]


async def test_who_shares_the_address_is_off_the_lists_too_and_nobody_else(site: Site, mailing: Mailing):
    await site.client.post(mailing.unsubscribe, data=ONE_CLICK)

    assert await mailing.lists_left("c2") == [True, True]
    assert await mailing.lists_left("c3") == [False, False]


async def test_the_buttons_lead_there_and_back(site: Site, mailing: Mailing):
    done = await site.client.post(mailing.unsubscribe, data=ONE_CLICK)
    assert "You are unsubscribed" in done.text
    assert 'name="subscribe" value="again"' in done.text

    back = await site.client.post(mailing.unsubscribe, data={"subscribe": "again"})
    assert "You are subscribed" in back.text
    assert await mailing.lists_left() == [False, False]
    assert await mailing.lists_left("c2") == [False, False]

    await site.client.post(mailing.unsubscribe, data=ONE_CLICK)
    assert await mailing.log() == [("Opted Out", "Human"), ("Opted In", "Human"), ("Opted Out", "Human")]


async def test_delete_subscribes_again_once(site: Site, mailing: Mailing):
    await site.client.post(mailing.unsubscribe, data=ONE_CLICK)
    for _ in range(2):
        assert (await site.client.delete(mailing.unsubscribe)).status_code == 200

    assert await mailing.lists_left() == [False, False]
    assert await mailing.log() == [("Opted Out", "Human"), ("Opted In", "Human")]


async def test_subscribing_again_without_an_opt_out_logs_nothing(site: Site, mailing: Mailing):
    await site.client.delete(mailing.unsubscribe)

    assert await mailing.log() == []


async def test_entirely_means_the_address_too_and_both_come_back(site: Site, mailing: Mailing):
    await mailing.connection.execute("UPDATE jobrunner.mass_email SET opt_out_entirely = true")
    await site.client.post(mailing.unsubscribe, data=ONE_CLICK)
    assert await mailing.address_is_out()
    assert await mailing.lists_left() == [True, True]

    await site.client.post(mailing.unsubscribe, data={"subscribe": "again"})
    assert not await mailing.address_is_out()
    assert await mailing.lists_left() == [False, False]


async def test_an_opt_out_of_the_address_made_elsewhere_is_shown_and_stays(site: Site, mailing: Mailing):
    await mailing.connection.execute("UPDATE jobrunner.email_address SET opted_out = true, opted_out_at = now()")

    page = await site.client.get(mailing.unsubscribe)
    assert "No more mailings go to" in page.text
    assert "<form" not in page.text
    await site.client.post(mailing.unsubscribe, data={"subscribe": "again"})
    assert await mailing.address_is_out()


@pytest.mark.parametrize("gone", ["mass_email", "contact", "both", "lists"])
async def test_it_works_after_the_mailing_or_its_target_were_removed(site: Site, mailing: Mailing, gone: str):
    """H15: links work for ever; where no list is left, the address leaves all mass mail."""
    execute = mailing.connection.execute
    if gone in ("contact", "both"):
        await execute("DELETE FROM jobrunner.contact")
    if gone != "contact":
        await execute("DELETE FROM jobrunner.mass_email")
        await execute("DELETE FROM jobrunner.campaign")
    if gone == "lists":
        await execute("DELETE FROM jobrunner.target_list")

    assert (await site.client.get(mailing.unsubscribe)).status_code == 200
    done = await site.client.post(mailing.unsubscribe, data=ONE_CLICK)
    assert "You are unsubscribed" in done.text
    again = await site.client.get(mailing.unsubscribe)
    assert "You are unsubscribed" in again.text
    assert await mailing.address_is_out() == (gone == "lists")
    remembered = await mailing.connection.fetchval("SELECT count(*) FROM jobrunner.target_list_opt_out")
    assert remembered == (2 if gone in ("contact", "both") else 0)

    await site.client.delete(mailing.unsubscribe)
    assert "<form" in (await site.client.get(mailing.unsubscribe)).text
    assert await mailing.connection.fetchval("SELECT count(*) FROM jobrunner.target_list_opt_out") == 0


async def test_an_informational_mail_has_no_such_page(site: Site, mailing: Mailing):
    execute = mailing.connection.execute
    await execute("DELETE FROM jobrunner.tracking_url")
    await execute("ALTER TABLE jobrunner.campaign DISABLE TRIGGER check_type")
    await execute("UPDATE jobrunner.campaign SET type = 'Informational Email'")

    for method in ("GET", "POST", "DELETE"):
        answer = await site.client.request(method, mailing.unsubscribe)
        assert answer.status_code == 404
    assert await mailing.lists_left() == [False, False]


async def test_the_page_speaks_the_language_of_the_recipient_else_of_the_browser(site: Site, mailing: Mailing):
    english = await site.client.get(mailing.unsubscribe, headers={"Accept-Language": "fr, en;q=0.5"})
    german = await site.client.get(mailing.unsubscribe, headers={"Accept-Language": "fr, de-AT;q=0.8, en;q=0.5"})
    assert '<html lang="en">' in english.text
    assert '<html lang="de">' in german.text

    await mailing.connection.execute("UPDATE jobrunner.contact SET language = 'de_AT'")
    own = await site.client.get(mailing.unsubscribe, headers={"Accept-Language": "en"})
    assert "Möchten Sie" in own.text


async def test_a_page_gives_nothing_away_and_loads_nothing(site: Site, mailing: Mailing):
    page = await site.client.get(mailing.unsubscribe)

    headers = page.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "set-cookie" not in headers
    assert "server" not in headers
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "http" not in page.text


# Scanners, forgeries


SCANNERS = [
    ("HEAD", FIREFOX := "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0 Safari/537.36", {}),
    ("GET", FIREFOX, {}),
    ("GET", "", {}),
    ("GET", "Barracuda Sentinel (EE)", {}),
    ("GET", "Mozilla/5.0 (compatible; proofpoint)", {"Range": "bytes=0-1023"}),
    ("GET", "Mozilla/5.0", {"Sec-Purpose": "prefetch;prerender"}),
    ("GET", FIREFOX, {"Content-Type": "application/x-www-form-urlencoded", "X-HTTP-Method-Override": "POST"}),
    ("GET", FIREFOX, {"List-Unsubscribe": "One-Click"}),
    ("OPTIONS", FIREFOX, {"Access-Control-Request-Method": "POST"}),
    ("PUT", FIREFOX, {}),
    ("PATCH", FIREFOX, {}),
    ("TRACE", FIREFOX, {}),
    ("PROPFIND", "Microsoft-WebDAV-MiniRedir/10.0", {}),
]


@pytest.mark.parametrize(("method", "agent", "headers"), SCANNERS)
async def test_no_habit_of_scanners_unsubscribes(site: Site, mailing: Mailing, method, agent, headers):
    """H15: links are followed by machines before anybody reads the mail; only POST and DELETE act."""
    body = b"List-Unsubscribe=One-Click" if method in ("GET", "PUT", "PATCH") else None
    for address in (mailing.unsubscribe, mailing.unsubscribe + "?List-Unsubscribe=One-Click&_method=post"):
        answer = await site.client.request(method, address, headers={"User-Agent": agent, **headers}, content=body)
        assert answer.status_code == (200 if method in ("GET", "HEAD") else 405)

    assert await mailing.lists_left() == [False, False]
    assert not await mailing.address_is_out()
    assert await mailing.log() == []


async def test_a_link_that_we_did_not_sign_leads_nowhere(site: Site, mailing: Mailing):
    """H15: changed, cut off, swapped for another kind; the same page whatever is wrong."""
    base, _, token = mailing.unsubscribe.rpartition("/")
    forged = [
        token[:-1],
        token[:10] + ("a" if token[10] != "a" else "b") + token[11:],
        token + "a",
        mailing.open.rpartition("/")[2],
        mailing.click().rpartition("/")[2],
        mailing.links.bounce_token(mailing.item),
        str(mailing.item),
        str(mailing.item_id),
        "%00",
        "x" * 3000,
        "..%2f..%2fetc%2fpasswd",
        "%F0%28%8C%28",
    ]
    pages = set()
    for text in forged:
        for method in ("GET", "POST", "DELETE"):
            answer = await site.client.request(method, f"{base}/{text}")
            assert answer.status_code == 404, (method, text)
            pages.add(answer.text)
    assert len(pages) == 1
    assert await mailing.lists_left() == [False, False]


async def test_a_signed_link_of_an_item_that_never_was_leads_nowhere(site: Site, mailing: Mailing):
    from uuid import uuid4

    for method in ("GET", "POST", "DELETE"):
        assert (await site.client.request(method, mailing.links.unsubscribe(uuid4()))).status_code == 404


async def test_links_in_capitals_work(site: Site, mailing: Mailing):
    base, _, token = mailing.unsubscribe.rpartition("/")

    assert (await site.client.get(f"{base}/{token.upper()}")).status_code == 200


async def test_a_slash_too_many_leads_nowhere_rather_than_to_the_host_of_the_request(site: Site, mailing: Mailing):
    """H20: nothing is built from the Host header."""
    answer = await site.client.get(mailing.unsubscribe + "/", headers={"Host": "evil.example"})

    assert answer.status_code == 404
    assert "evil" not in answer.text + str(answer.headers)


async def lose_signing_key(connection):
    """Seal the signing key with a key that nobody has any more."""
    (row,) = await connection.fetch("SELECT id FROM jobrunner.signing_key WHERE purpose = $1", PURPOSE)
    sealed = Keyring([Key.new()]).seal("AAAA", place=f"signing_key/{row['id']}/key")
    await connection.execute("UPDATE jobrunner.signing_key SET key = $2 WHERE id = $1", row["id"], sealed)


@pytest.mark.parametrize("renewed", [False, True])
async def test_a_link_whose_key_is_lost_is_unknown_and_not_in_trouble(
    site: Site, mailing: Mailing, connection, renewed
):
    """Nobody could ever answer it: no mail program should ask again."""
    await lose_signing_key(connection)
    if renewed:
        await renew_signing_key(connection, Keyring([Key.parse(SECRET, "the key")]), PURPOSE)
    for link in (mailing.unsubscribe, mailing.links.open(mailing.item), mailing.links.click(mailing.item, 1)):
        page = await site.client.get(link)
        assert (page.status_code, "retry-after" in page.headers) == (404, False)
    assert (await site.client.post(mailing.unsubscribe, data=ONE_CLICK)).status_code == 404


async def test_while_the_key_ring_cannot_be_read_a_mail_program_asks_again(
    mailing: Mailing, database_url: str, tmp_path, caplog
):
    """The key file is no file, not there, then back: said once, and no link is lost."""
    file = tmp_path / "secret.key"
    file.mkdir()
    async with serve(database_url, secret_key=None, secret_key_file=file) as site:
        link = mailing.unsubscribe.replace(mailing.unsubscribe.split("/unsubscribe")[0], site.url)
        for _ in range(2):
            page = await site.client.get(link)
            assert (page.status_code, page.headers["retry-after"]) == (503, "60")
        assert [record.message.split(": ")[0] for record in caplog.records if record.levelname == "ERROR"] == [
            "links in mails are answered with 503"
        ]
        file.rmdir()
        assert (await site.client.post(link, data=ONE_CLICK)).status_code == 503
        assert await mailing.lists_left() == [False, False]
        file.touch(0o600)
        file.write_text(f"{SECRET}\n")
        assert (await site.client.post(link, data=ONE_CLICK)).status_code == 200
    assert await mailing.lists_left() == [True, True]
