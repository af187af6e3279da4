"""Tracked links and the pixel: answered at once, logged with who it was."""

import asyncio
import struct
from contextlib import AsyncExitStack
from ipaddress import ip_network

import httpx
import pytest

from jobrunner.db.connection import Connection
from jobrunner.services.massmail.tracking import MOST_WAITING, HitLog
from jobrunner.services.massmail.visitor import Visitor
from jobrunner.web.public.routes import PIXEL, ascii_url
from tests.support.proxy import Proxy
from tests.web.conftest import FIREFOX, Mailing, Site, serve


def test_the_pixel_is_a_whole_gif():
    assert len(PIXEL) == 43
    assert PIXEL[:6] == b"GIF89a"
    assert struct.unpack("<HH", PIXEL[6:10]) == (1, 1)
    assert PIXEL[-1:] == b";"


async def test_an_open_is_logged(site: Site, mailing: Mailing):
    answer = await site.client.get(mailing.open)
    await site.hits_are_stored()

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/gif", PIXEL)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert await mailing.log() == [("Opened", "Human")]


async def test_who_does_not_wait_for_the_image_has_asked_for_it(site: Site, mailing: Mailing):
    """The request is whole: that its client hangs up at once changes nothing."""
    request = b"GET %b HTTP/1.1\r\nHost: x\r\nUser-Agent: %b\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(request % (httpx.URL(mailing.open).raw_path, FIREFOX.encode()))
    writer.close()
    async with asyncio.timeout(20):
        while not await mailing.log():
            await asyncio.sleep(0.01)
    assert await mailing.log() == [("Opened", "Human")]


async def test_a_click_leads_to_the_stored_address_and_is_logged(site: Site, mailing: Mailing):
    answer = await site.client.get(mailing.click(1) + "?url=//evil.example&next=https://evil.example")
    await site.hits_are_stored()

    assert answer.status_code == 302
    assert answer.headers["location"] == "https://shop.example.org/1?a=1&b=2"
    assert answer.headers["referrer-policy"] == "no-referrer"
    row = await mailing.connection.fetchrow("SELECT * FROM jobrunner.campaign_log")
    assert (row["action"], row["source"], row["tracking_url_id"]) == ("Clicked", "Human", mailing.urls[1])
    assert row["string_data"] == "Zoe@Example.org"
    assert row["user_agent"] == FIREFOX
    assert row["ip_prefix"] == ip_network("127.0.0.0/24")
    assert (row["target_type"], row["target_id"], row["mass_email_id"]) == ("Contact", "c1", mailing.id)


async def test_a_message_is_shown_as_text(site: Site, mailing: Mailing):
    await mailing.connection.execute(
        "UPDATE jobrunner.tracking_url SET action = 'Show Message', message = E'Thanks, <b>you</b>!\\nBye.\\n\\nUs'"
    )
    answer = await site.client.get(mailing.click())

    assert answer.status_code == 200
    assert "<p>Thanks, &lt;b&gt;you&lt;/b&gt;!<br>Bye.</p>" in answer.text
    assert "<p>Us</p>" in answer.text


async def test_every_hit_is_kept(site: Site, mailing: Mailing):
    for _ in range(3):
        await site.client.get(mailing.open)
    await site.hits_are_stored()

    assert await mailing.log() == [("Opened", "Human")] * 3


async def test_nobody_fills_the_log_with_one_link(site: Site, mailing: Mailing):
    """H15: replayed."""
    for _ in range(120):
        site.web.hits.note(mailing.item, "Opened", Visitor.of("127.0.0.1", FIREFOX))
    await site.hits_are_stored()
    await site.client.get(mailing.open)
    await site.hits_are_stored()

    assert len(await mailing.log()) == 100


async def test_head_answers_like_get_and_is_logged_nowhere(site: Site, mailing: Mailing):
    """H15."""
    for address in (mailing.open, mailing.click()):
        looked, got = await site.client.head(address), await site.client.get(address)
        assert looked.status_code == got.status_code
        assert {k: v for k, v in looked.headers.items() if k != "date"} == {
            k: v for k, v in got.headers.items() if k != "date"
        }
        assert looked.content == b""
    await site.hits_are_stored()

    assert await mailing.log() == [("Opened", "Machine"), ("Clicked", "Machine")], "HEAD came a moment before"


async def test_a_click_by_a_person_is_an_open_where_opens_are_tracked(site: Site, mailing: Mailing):
    await mailing.connection.execute(
        "INSERT INTO jobrunner.setting (name, value) VALUES ('mass_email_open_tracking', 'true')"
    )
    await site.client.get(mailing.click(0))
    await site.hits_are_stored()
    await site.client.get(mailing.click(1))
    await site.hits_are_stored()

    assert sorted(await mailing.log()) == [("Clicked", "Human"), ("Clicked", "Human"), ("Opened", "Human")]


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "Barracuda Sentinel (EE)",
        "Mozilla/5.0 (compatible; Proofpoint URL Defense)",
        "python-requests/2.32",
        "curl/8.5.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Slackbot-LinkExpanding 1.0",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36",
        "Microsoft Office Existence Discovery",
    ],
)
async def test_programs_that_say_so_are_machines(site: Site, mailing: Mailing, agent):
    request = site.client.build_request("GET", mailing.click())
    del request.headers["User-Agent"]
    if agent:
        request.headers["User-Agent"] = agent
    await site.client.send(request)
    await site.hits_are_stored()

    assert await mailing.log() == [("Clicked", "Machine")]


@pytest.mark.parametrize(
    "agent",
    [
        FIREFOX,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/119.0 Mobile Safari/537.36",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
        "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Thunderbird/130.0",
    ],
)
async def test_mail_programs_and_browsers_are_people(site: Site, mailing: Mailing, agent):
    await site.client.get(mailing.open, headers={"User-Agent": agent})
    await site.hits_are_stored()

    assert await mailing.log() == [("Opened", "Human")]


@pytest.mark.parametrize(
    "header", [("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")]
)
async def test_prefetching_is_a_machine(site: Site, mailing: Mailing, header):
    await site.client.get(mailing.click(), headers=dict([header]))
    await site.hits_are_stored()

    assert await mailing.log() == [("Clicked", "Machine")]


async def test_a_privacy_proxy_opens_but_a_person_may_click_with_the_same_words(site: Site, mailing: Mailing):
    await site.client.get(mailing.open, headers={"User-Agent": "Mozilla/5.0"})
    await site.hits_are_stored()

    assert await mailing.log() == [("Opened", "Machine")]


@pytest.mark.parametrize(
    ("state", "source"),
    [
        ("sent_at = now() - interval '9 seconds'", "Machine"),
        ("sent_at = now() - interval '15 seconds'", "Human"),
        ("status = 'Sending', sent_at = NULL, finished_at = NULL, sender_token = 1", "Machine"),
    ],
)
async def test_what_comes_within_ten_seconds_of_sending_is_a_machine(site: Site, mailing: Mailing, state, source):
    await mailing.connection.execute(f"UPDATE jobrunner.queue_item SET {state}")
    await site.client.get(mailing.click())
    await site.hits_are_stored()

    assert await mailing.log() == [("Clicked", source)]


async def test_three_links_of_one_mail_at_once_are_a_machine_and_two_are_not(site: Site, mailing: Mailing):
    """H15: the first two are judged anew when the third comes, also in another batch."""
    await asyncio.gather(*(site.client.get(mailing.click(number)) for number in (0, 1, 1, 0)))
    await site.hits_are_stored()
    assert await mailing.log() == [("Clicked", "Human")] * 4

    await site.client.get(mailing.click(2))
    await site.hits_are_stored()
    assert await mailing.log() == [("Clicked", "Machine")] * 5


async def test_three_links_one_after_another_are_a_person(site: Site, mailing: Mailing):
    for number in range(3):
        await site.client.get(mailing.click(number))
        await site.hits_are_stored()
        await mailing.connection.execute(
            "UPDATE jobrunner.campaign_log SET action_date = action_date - interval '2100 milliseconds'"
        )

    assert await mailing.log() == [("Clicked", "Human")] * 3


async def test_a_hit_settles_a_mail_in_doubt(site: Site, mailing: Mailing):
    await mailing.connection.execute("UPDATE jobrunner.queue_item SET status = 'Uncertain', sent_at = NULL")
    await site.client.get(mailing.open)
    await site.hits_are_stored()

    row = await mailing.connection.fetchrow("SELECT status, sent_at, finished_at FROM jobrunner.queue_item")
    assert row["status"] == "Sent"
    assert row["sent_at"] == row["finished_at"]
    assert await mailing.log("Sent") == [("Sent", "Unknown")]


async def test_hits_on_an_item_that_is_gone_are_kept(site: Site, mailing: Mailing):
    await mailing.connection.execute("SELECT jobrunner.remove_items(ARRAY[$1::bigint])", mailing.item_id)
    await site.client.get(mailing.click())
    await site.hits_are_stored()

    assert await mailing.log() == [("Clicked", "Human")]


@pytest.mark.parametrize("kind", ["open", "click"])
async def test_forged_links_lead_nowhere(site: Site, mailing: Mailing, kind):
    """H15."""
    address = mailing.open if kind == "open" else mailing.click()
    base, _, token = address.rpartition("/")
    other = mailing.click(1).rpartition("/")[2]
    for text in (token[:-1], token[:30] + other[30:] if kind == "click" else token[::-1], mailing.unsubscribe[-55:]):
        if text not in (token, other):
            assert (await site.client.get(f"{base}/{text}")).status_code == 404
    assert site.web.hits.waiting == 0


async def test_a_link_whose_address_was_removed_leads_nowhere(site: Site, mailing: Mailing):
    await mailing.connection.execute("DELETE FROM jobrunner.tracking_url")

    assert (await site.client.get(mailing.click())).status_code == 404
    await site.hits_are_stored()
    assert await mailing.log() == []


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("https://shop.example.org//evil.example/%2e?a=%20b#c", "https://shop.example.org//evil.example/%2e?a=%20b#c"),
        ("https://bücher.example:8443/ä ö?ü=ß", "https://xn--bcher-kva.example:8443/%C3%A4%20%C3%B6?%C3%BC=%C3%9F"),
        ("https://x.example", "https://x.example"),
        ("HTTP://x.example?q", "http://x.example?q"),
        ("https://x.example/a\r\nSet-Cookie: b", "https://x.example/a%0D%0ASet-Cookie:%20b"),
    ],
)
def test_an_address_goes_into_a_header_as_it_must(stored, sent):
    assert ascii_url(stored) == sent


# The log


async def test_the_last_hits_are_stored_when_it_stops(database_url: str, mailing: Mailing):
    connection = Connection(database_url, "hits")
    hits = HitLog(connection)
    await hits.start()
    for _ in range(50):
        hits.note(mailing.item, "Opened", Visitor.of("::1", FIREFOX))
    await hits.stop()
    await connection.close()

    assert len(await mailing.log()) == 50


async def test_there_is_room_for_so_many_and_the_others_are_counted(database_url: str, mailing: Mailing):
    """H15: a flood costs memory up to a limit."""
    connection = Connection(database_url, "hits")
    hits = HitLog(connection)  # not started: as if the database were away
    for _ in range(MOST_WAITING + 5):
        hits.note(mailing.item, "Opened", Visitor.of(None, FIREFOX))

    assert (hits.waiting, hits.dropped) == (MOST_WAITING, 5)


async def test_pages_say_try_again_while_the_database_is_away(database_url: str, mailing: Mailing):
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(database_url))
        site = await stack.enter_async_context(serve(proxy.url))
        address, image = (
            link.replace(mailing.links.site_url, f"http://127.0.0.1:{site.port}")
            for link in (mailing.unsubscribe, mailing.open)
        )
        assert (await site.client.get(address)).status_code == 200
        await proxy.__aexit__()
        for method in ("GET", "POST", "DELETE"):
            away = await site.client.request(method, address)
            assert (away.status_code, away.headers["retry-after"]) == (503, "60")
        assert (await site.client.get(image)).content == PIXEL
        assert site.web.hits.waiting == 1
    assert await mailing.lists_left() == [False, False]


async def test_forwarded_addresses_are_believed_from_listed_proxies_only(database_url: str, mailing: Mailing):
    """H20."""
    forwarded = {"X-Forwarded-For": "203.0.113.77, 198.51.100.9"}
    for proxies, network in (([], "127.0.0.0/24"), (["127.0.0.1"], "198.51.100.0/24")):
        async with serve(database_url, trusted_proxies=proxies) as site:
            address = mailing.open.replace(mailing.links.site_url, f"http://127.0.0.1:{site.port}")
            await site.client.get(address, headers=forwarded)
            await site.hits_are_stored()
        seen = await mailing.connection.fetchval(
            "SELECT ip_prefix FROM jobrunner.campaign_log ORDER BY id DESC LIMIT 1"
        )
        assert seen == ip_network(network)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unix:", None),
        (None, None),
    ],
)
def test_of_an_address_only_the_network_is_kept(address, network):
    assert Visitor.of(address, "x").network == network


async def test_a_client_without_keep_alive_is_served(mailing: Mailing):
    async with httpx.AsyncClient(headers={"Connection": "close"}) as client:
        assert (await client.get(mailing.open)).status_code == 200
