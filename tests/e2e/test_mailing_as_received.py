"""A mailing as those see it who get it: mailbox providers, scanners of mail, persons."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from jobrunner.services.massmail.campaigns.figures import figures_of_campaign
from jobrunner.services.massmail.campaigns.rows import find_campaign
from jobrunner.services.massmail.lists.members import opt_out_of_list
from jobrunner.services.massmail.lists.rows import find_target_list
from jobrunner.services.massmail.mass_emails.items import count_reasons
from jobrunner.services.massmail.mass_emails.rows import MassEmail
from jobrunner.services.massmail.mass_emails.states import pause, resume
from tests.e2e.house import DOMAIN, LIST, PAGES, SENDER, House, Person
from tests.e2e.reading import (
    addresses,
    check_lines,
    check_signatures,
    display_name,
    every_link,
    field,
    one_click,
    parse,
    text_of,
    unfolded,
)
from tests.e2e.receiver import Received, Receiver
from tests.support.daemons import until

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SCANNERS = (
    "Barracuda Sentinel (EE)",
    "python-requests/2.32",
    "Mozilla/5.0 (compatible; SomeLinkScanner/1.0)",
    "Mozilla/5.0",
    "",
)

ODD = [
    Person("Zoë", "Weiß", "zoe@bücher.example", "roses & <thorns>"),
    Person('Jo"e', "O'Neil, Jr.", "joe.o'neil+news@example.net", '"quoted" = 100 %'),
    Person("明子", "山田", "akiko@example.org", "桜 🌸"),
    Person("{Person.email}", "{{ 7 * 7 }}", "braces@example.net", "{optOutUrl}"),
    Person("L" + "o" * 120 + "ng", ("Name " * 20).strip(), "long@example.net", "x" * 1500),
    Person("Two\u2028Lines", "Dot", "dot@example.net", ".\n..\n.dots\n"),
    Person("Ü" * 60, "ß" * 60, "umlauts@example.net", "ä" * 300),
    Person("Bcc: all@example.net", "a\tb", "header@example.net", "trailing blanks   \n\tand tabs\t"),
]
PERSONS = [*ODD, *(Person(f"First{n}", f"Last{n}", f"p{n}@d{n % 7}.example.net") for n in range(50 - len(ODD)))]

SUBJECT = "{Person.firstName}: Grüße, {Person.flower}"
TEXT = """\
Dear {Person.name},

.a line that begins with a dot, blanks at the end of the next one
and = signs, 100%, naïve café, and a very long line: LONG
you like: {Person.flower}

Catalogue: {trackingUrl:1}
""".replace("LONG", "lorem ipsum " * 120)


def html_of(links: dict[str, str]) -> str:
    parts = "".join(f'<p><a href="{links[page]}">{page}</a></p>' for page in PAGES)
    return (
        "<html><body><h1>Dear {Person.name}</h1><p>" + "lörem ipsum " * 120 + "</p>"
        f"<p>you like: {{Person.flower}}</p>{parts}"
        '<p><a href="{optOutUrl}">Unsubscribe</a></p></body></html>'
    )


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[House]:
    try:
        await house.open()
        yield house
    finally:
        await house.close()


async def mailing_to_all(house: House, persons: list[Person] = PERSONS) -> MassEmail:
    await house.set("mass_email_open_tracking", True)
    await house.add_list(persons)
    links = await house.add_campaign()
    text = TEXT.replace("{trackingUrl:1}", links["Catalogue"])
    mailing = await house.send("May", subject=SUBJECT, html=html_of(links), text=text)
    assert await house.completed(mailing) == {"Sent": len(persons)}
    return mailing


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("selectors", [(), ("rsa2026",), ("rsa2026", "ed2026")], ids=["unsigned", "rsa", "rsa+ed25519"])
async def test_each_mail_is_sound_and_signed_and_says_what_it_should(
    database_url: str, receiver: Receiver, keys: dict[str, str], selectors: tuple[str, ...]
):
    began = datetime.now(UTC)
    house = House(database_url, receiver.port, {name: keys[name] for name in selectors})
    async with opened(house):
        await mailing_to_all(house)

    assert len(receiver.received) == len(PERSONS)
    by_address = {str(parse(one.raw)["To"].addresses[0].addr_spec): one for one in receiver.received}
    assert len(by_address) == len(PERSONS)
    ids = {parse(one.raw)["Message-ID"] for one in receiver.received}
    assert len(ids) == len(PERSONS)
    for person in PERSONS:
        one = by_address[person.email.replace("bücher", "xn--bcher-kva")]
        check_lines(one.raw)
        check_signatures(one.raw, house.look_up, how_many=len(selectors))
        check_header(one, person, house, began)
        check_bodies(one, person)


def check_header(one: Received, person: Person, house: House, began: datetime) -> None:
    mail = parse(one.raw)
    names = [name for name, _ in unfolded(one.raw) if name != "dkim-signature"]
    assert len(names) == len(set(names)), "a field stands twice"
    assert mail["From"].addresses[0].display_name == "Garten & Blüten"
    assert mail["From"].addresses[0].addr_spec == SENDER
    assert mail["To"].addresses[0].addr_spec == one.recipient
    assert one.sender == SENDER
    # Of what no header may hold, nothing arrives; a name that is too long is cut.
    name = one_line(person.name)
    name = name if len(name) <= 200 else name[:199].rstrip() + "…"
    assert one_line(display_name(one.raw)) == name
    subject, whole = one_line(mail["Subject"]), one_line(f"{person.first_name}: Grüße, {person.flower}")
    assert subject == whole or (len(subject) > 200 and subject[-1] == "…" and whole.startswith(subject[:-1].rstrip()))
    assert mail["Reply-To"] == "answers@example.com"
    assert re.fullmatch(rf"<[0-9a-f]{{32}}@{DOMAIN}>", mail["Message-ID"])
    assert began - timedelta(seconds=1) <= mail["Date"].datetime <= datetime.now(UTC)
    assert (mail["Precedence"], mail["Auto-Submitted"]) == ("bulk", "auto-generated")
    assert mail["X-Auto-Response-Suppress"] == "AutoReply"
    assert re.fullmatch(rf"\d+:\d+:newsletter:{DOMAIN}", mail["Feedback-ID"])
    assert re.fullmatch(rf"<list-\d+\.{DOMAIN}>", mail["List-Id"])
    assert mail["X-Queue-Item-Id"].isdigit()
    assert mail["MIME-Version"] == "1.0"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    # The URL is longer than a line may be for the library's own writer, and is in one piece.
    assert len(one_click(one.raw)) >= 76
    assert one_click(one.raw).startswith(f"{house.http}/unsubscribe/")
    assert b"\r\nList-Unsubscribe: <http" in one.raw


def check_bodies(one: Received, person: Person) -> None:
    mail = parse(one.raw)
    text, markup = text_of(mail), text_of(mail, "html")
    name, flower = person.name.replace("\u2028", "\n"), person.flower
    assert f"Dear {name},\n" in text
    assert "\n.a line that begins with a dot" in text
    assert f"very long line: {'lorem ipsum ' * 120}\nyou like: {flower}\n" in text
    assert one_click(one.raw) in text, "the plain part has no link to unsubscribe"
    assert f"<h1>Dear {html.escape(name)}</h1>" == re.sub(r"<br\s*/?>\n?", "\n", heading_of(markup))
    assert "<thorns>" not in markup
    links = addresses(markup)
    assert [tag for tag, _ in links] == ["a"] * len(PAGES) + ["a", "img"]
    assert links[-2][1] == one_click(one.raw)


def heading_of(markup: str) -> str:
    """The first heading, with quotes written as the library writes them."""
    found = re.search(r"<h1>.*?</h1>", markup, re.DOTALL)
    assert found is not None
    return found[0].replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


async def test_one_click_unsubscribes_who_got_the_mail_and_nobody_else_however_often(house: House, receiver: Receiver):
    await mailing_to_all(house)
    mine, other = receiver.of("p1@d1.example.net")[0], receiver.of("p2@d2.example.net")[0]
    url = one_click(mine.raw)
    body, kind = "List-Unsubscribe=One-Click", {"Content-Type": "application/x-www-form-urlencoded"}

    async with httpx.AsyncClient() as provider:
        answers = await asyncio.gather(*(provider.post(url, content=body, headers=kind) for _ in range(3)))
        answers.append(await provider.post(url, files={"List-Unsubscribe": (None, "One-Click")}))
        assert [answer.status_code for answer in answers] == [200] * 4
        assert await house.opted_out() == ["p1@d1.example.net"]
        logged = "SELECT string_data FROM jobrunner.campaign_log WHERE action = 'Opted Out'"
        assert [row["string_data"] for row in await house.connection.fetch(logged)] == ["p1@d1.example.net"]
        # A link with a letter of another one is nobody's.
        forged = url[:-1] + ("a" if url[-1] != "a" else "b")
        assert (await provider.post(forged, content=body, headers=kind)).status_code == 404
        assert "<button" in (await provider.get(one_click(other.raw))).text
    assert await house.opted_out() == ["p1@d1.example.net"]
    figures = await figures_of_campaign(house.connection, (await find_campaign(house.connection, "Spring")).id)
    assert (figures.sent, figures.opted_out) == (len(PERSONS), 1)


async def test_scanners_unsubscribe_nobody_and_count_as_machines(house: House, receiver: Receiver):
    """H15."""
    await mailing_to_all(house)
    campaign = await find_campaign(house.connection, "Spring")
    fetched, fresh = receiver.received[:16], receiver.received[16:20]

    # As the mail comes in: within ten seconds nobody is a person, whatever they call themselves.
    await visit_all(fresh, [BROWSER])
    # An hour later, each with its habits, on mails of its own.
    await house.come()
    await visit_all(fetched[:4], SCANNERS)
    await visit_all(fetched[4:8], [BROWSER], methods=("HEAD", "GET"))  # looks first
    await visit_all(fetched[8:12], [BROWSER], purpose="prefetch;prerender")
    await visit_all(fetched[12:], [BROWSER])  # a browser, but all links at once

    machines = len(fetched) + len(fresh)
    hits = "SELECT count(DISTINCT queue_item_id) >= $1 FROM jobrunner.campaign_log WHERE action = 'Clicked'"
    await until(house.connection, hits, machines)
    figures = await figures_of_campaign(house.connection, campaign.id)
    assert (figures.clicked, figures.clicked_by_machines, figures.opted_out) == (0, machines, 0)
    assert figures.opened == 0
    assert await house.opted_out() == []

    # A person among them.
    reader = parse(receiver.received[-1].raw)
    _, click = addresses(text_of(reader, "html"))[0]
    async with httpx.AsyncClient(headers={"User-Agent": BROWSER}) as browser:
        answer = await browser.get(click)
    assert (answer.status_code, answer.headers["location"]) == (302, PAGES["Catalogue"])
    await until(house.connection, "SELECT EXISTS (SELECT FROM jobrunner.campaign_log WHERE source = 'Human')")
    figures = await figures_of_campaign(house.connection, campaign.id)
    assert (figures.clicked, figures.opened, figures.clicked_by_machines) == (1, 1, machines)


async def visit_all(
    mails: Sequence[Received],
    agents: Sequence[str],
    *,
    methods: Sequence[str] = ("GET", "HEAD"),
    purpose: str | None = None,
) -> None:
    """Fetch every link of each mail, all links of one mail at once, by one program after the other."""
    links = [link for mail in mails for link in every_link(mail.raw)]
    async with httpx.AsyncClient() as client:
        for agent in agents:
            headers = {"User-Agent": agent} | ({"Sec-Purpose": purpose} if purpose else {})
            for method in methods:
                answers = await asyncio.gather(*(client.request(method, link, headers=headers) for link in links))
                assert {answer.status_code for answer in answers} <= {200, 302}


async def test_who_opts_out_while_the_mail_waits_does_not_get_it(house: House, receiver: Receiver):
    persons = [Person(f"F{n}", f"L{n}", f"p{n}@example.net") for n in range(12)]
    await mailing_to_all(house, persons)
    # The next mailing is queued, but the hour is used up.
    await house.set("mass_email_max_per_hour_count", len(persons) + 2)
    june = await house.send("June", subject="June", html="<p>June</p>")
    sent = "SELECT count(*) = 2 FROM jobrunner.queue_item WHERE mass_email_id = $1 AND status = 'Sent'"
    await until(house.connection, sent, june.id)
    waiting = (
        "SELECT email_address FROM jobrunner.queue_item WHERE mass_email_id = $1 AND status = 'Pending' ORDER BY id"
    )
    left = [email for (email,) in await house.connection.fetch(waiting, june.id)]
    assert len(left) == 10
    by_link, by_command, altogether = left[0], left[5], left[-1]

    # By the link in the last mail, by the command's function, by one's own SQL.
    async with httpx.AsyncClient() as provider:
        may = receiver.of(by_link)[0]
        assert (await provider.post(one_click(may.raw), data={"List-Unsubscribe": "One-Click"})).status_code == 200
    assert await opt_out_of_list(house.connection, (await find_target_list(house.connection, LIST)).id, by_command)
    await house.connection.execute(
        "UPDATE jobrunner.email_address SET opted_out = true WHERE key = jobrunner.address_key($1)", altogether
    )
    assert await house.opted_out() == sorted([by_link, by_command, altogether])

    await house.set("mass_email_max_per_hour_count", 0)
    await resume(house.connection, await pause(house.connection, june, "so that it looks again"))
    assert await house.completed(june) == {"Sent": 9, "Skipped": 3}
    got = [one.recipient for one in receiver.received if field(one.raw, "Subject") == b"June"]
    assert sorted(got) == sorted({one.email for one in persons} - {by_link, by_command, altogether})
    reasons = {(one.status, one.reason): one.items for one in await count_reasons(house.connection, june.id)}
    assert reasons == {("Skipped", "opted out of the list"): 2, ("Skipped", "opted out of all mass mail"): 1}
