"""The demo of mail out: a reminder of a meeting, then a mass mailing to sample persons, some of whom are not to get it.

Its campaign has a link that is counted.
"""

import asyncio
import json
import socket

import asyncpg
from demo_mailbox import Mailbox, say

from jobrunner.config import Configuration
from jobrunner.config.model import Http
from jobrunner.db.connection import Connection
from jobrunner.errors import Conflict, NotFound
from jobrunner.services.email_templates.rows import add_email_template
from jobrunner.services.massmail.campaigns.rows import add_campaign
from jobrunner.services.massmail.campaigns.tracking_urls import add_tracking_url
from jobrunner.services.massmail.lists.members import add_members
from jobrunner.services.massmail.lists.rows import add_target_list
from jobrunner.services.massmail.mass_emails.rows import MassEmail, add_mass_email, find_mass_email
from jobrunner.services.massmail.mass_emails.states import start

NAME = "Spring"
SENDER = "garden@example.com"
PATIENCE = 20.0
"""Seconds after which the mailing goes, whether or not the reminder has arrived."""

MEETING = """
WITH ada AS (
    INSERT INTO jobrunner.app_user (id, name, email, time_zone)
    VALUES ('demo-ada', 'Ada Lovelace', 'ada@example.com', 'Europe/London')
    ON CONFLICT (id) DO UPDATE SET email = excluded.email
    RETURNING id
), meeting AS (
    INSERT INTO jobrunner.meeting (name, date_start, date_end, assigned_user_id)
    SELECT 'Coffee with Charles', now() + interval '65 seconds', now() + interval '1 hour', ada.id
    FROM ada
    RETURNING id
), attendee AS (
    INSERT INTO jobrunner.attendee (entity_type, entity_id, user_id, status)
    SELECT 'Meeting', meeting.id, ada.id, 'Accepted'
    FROM meeting, ada
)
INSERT INTO jobrunner.reminder_list (entity_type, entity_id, reminders)
SELECT 'Meeting', meeting.id, '[{"type": "Email", "seconds": 60}]'
FROM meeting
"""
PERSONS = """
WITH account AS (
    INSERT INTO jobrunner.account (id, name, email) VALUES ('demo-engine', 'Engine Works', 'works@example.org')
    ON CONFLICT DO NOTHING
), contact AS (
    INSERT INTO jobrunner.contact (id, first_name, last_name, email, account_id, fields)
    VALUES
        ('demo-charles', 'Charles', 'Babbage', 'charles@example.org', 'demo-engine', '{"flower": "tulips"}'),
        ('demo-grace', 'Grace', 'Hopper', 'grace@example.net', NULL, '{"flower": "sweet peas"}'),
        ('demo-mary', 'Mary', 'Somerville', 'mary@example.net', NULL, '{"flower": "lupins"}')
    ON CONFLICT DO NOTHING
), lead AS (
    INSERT INTO jobrunner.lead (id, first_name, last_name, email, fields)
    VALUES
        ('demo-zoe', 'Zoë', 'Weiß', 'zoe@bücher.example', '{"flower": "roses & <thorns>"}'),
        ('demo-alan', 'Alan', 'Turing', 'alan@example.net', '{"flower": "daisies"}'),
        ('demo-emmy', 'Emmy', 'Noether', 'emmy@example.net', '{"flower": "ivy"}')
    ON CONFLICT DO NOTHING
)
INSERT INTO jobrunner.email_address (key, opted_out, opted_out_reason, invalid, invalid_reason)
VALUES
    ('mary@example.net', true, 'wrote that she wants no more mail', false, NULL),
    ('alan@example.net', false, NULL, true, 'a mail to it came back')
ON CONFLICT (key) DO UPDATE
SET opted_out = excluded.opted_out,
    opted_out_reason = excluded.opted_out_reason,
    invalid = excluded.invalid,
    invalid_reason = excluded.invalid_reason
"""
SUBJECT = "{Person.firstName}, spring is here"
HTML = """\
<html>
<body>
<p>Dear {Person.firstName},</p>
<p>it is time to sow <b>{Person.flower}</b>. We have the seeds:
<a href="%s">our catalogue</a>.</p>
<p>Yours,<br>The Garden</p>
<p><small>You get this because you are a customer. <a href="{optOutUrl}">Unsubscribe</a></small></p>
</body>
</html>
"""
STATUS = "SELECT m.status::text AS status FROM jobrunner.mass_email AS m WHERE m.id = $1"
LEFT_OUT = """
SELECT
    t.name,
    t.email,
    CASE
        WHEN e.invalid THEN 'invalid address (' || e.invalid_reason || ')'
        WHEN e.opted_out THEN 'opted out (' || e.opted_out_reason || ')'
        WHEN m.opted_out THEN 'has unsubscribed'
        ELSE 'on the list of those that get none'
    END AS reason
FROM jobrunner.mass_email_list AS l
JOIN jobrunner.mass_email AS mailing ON mailing.id = l.mass_email_id
JOIN jobrunner.target_list_member AS m ON m.target_list_id = l.target_list_id
JOIN jobrunner.targets() AS t ON t.target_type = m.target_type AND t.target_id = m.target_id
LEFT JOIN jobrunner.email_address AS e ON e.key = t.address_key
WHERE l.mass_email_id = $1
    AND NOT l.excluding
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.queue_item AS q
        WHERE q.mass_email_id = mailing.id
            AND q.generation = mailing.generation
            AND q.target_type = m.target_type
            AND q.target_id = m.target_id
            AND q.status <> 'Skipped'
    )
ORDER BY t.name
"""
LAST_HIT = "SELECT coalesce(max(g.id), 0) AS id FROM jobrunner.campaign_log AS g"
HITS = """
SELECT g.id, g.string_data AS address, g.action::text AS action, g.source::text AS source
FROM jobrunner.campaign_log AS g
WHERE g.id > $1 AND g.action IN ('Clicked', 'Opted Out', 'Opted In')
ORDER BY g.id
"""
SITE = """
INSERT INTO jobrunner.setting (name, value) VALUES ('mass_email_site_url', $1)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
WORDS = {
    "Clicked": "has followed the link to the catalogue",
    "Opted Out": "has unsubscribed, and gets nothing at the next start",
    "Opted In": "has subscribed again",
}


def free_port() -> int:
    """The default port of HTTP, so that the links of the last demo work, or where that is in use any other."""
    for port in (Http().port, 0):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", port))
                taken.listen()
            except OSError:
                continue
            return int(taken.getsockname()[1])
    raise AssertionError("no port of loopback is free")


class Mailing:
    """What one start of the demo shows of mail out."""

    def __init__(self, dsn: str, mailbox: Mailbox, jobrunner: str) -> None:
        self._dsn = dsn
        self._jobrunner = jobrunner
        self._mailbox = mailbox
        self._id = 0

    async def start(self, configuration: Configuration) -> None:
        """Write the sample data unless they are there, and where links in mails lead to: this demo's daemon."""
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(MEETING)
            async with connection.transaction():
                # Of two demos at their first start one writes the samples.
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext('jobrunner demo'))")
                await connection.execute(SITE, json.dumps(f"http://127.0.0.1:{configuration.http.port}"))
                try:
                    self._id = (await find_mass_email(connection, NAME)).id
                except NotFound:
                    self._id = (await self._add(connection)).id
        finally:
            await connection.close()
        say("A meeting begins in 65 seconds, and Ada wants a mail one minute before: it arrives in five seconds or so.")
        say("Then a small mass mailing goes out.")

    async def stop(self) -> None:
        """Nothing of it is left."""

    async def _add(self, connection: "asyncpg.Connection") -> MassEmail:
        await connection.execute(PERSONS)
        customers = await add_target_list(connection, "Customers", by="demo")
        rivals = await add_target_list(connection, "Competitors", by="demo")
        await add_members(connection, customers.id, "Contact", ["demo-charles", "demo-grace", "demo-mary"])
        await add_members(connection, customers.id, "Lead", ["demo-zoe", "demo-alan", "demo-emmy"])
        await add_members(connection, rivals.id, "Lead", ["demo-emmy"])
        campaign = await add_campaign(
            connection,
            NAME,
            by="demo",
            type="Newsletter",
            status="Active",
            target_lists=["Customers"],
            excluding_lists=["Competitors"],
        )
        url = await add_tracking_url(connection, campaign, "Catalogue", message="Thank you: this visit was counted.")
        await add_email_template(connection, NAME, by="demo", subject=SUBJECT, body=HTML % url.placeholder)
        return await add_mass_email(
            connection,
            NAME,
            by="demo",
            campaign=NAME,
            email_template=NAME,
            from_address=SENDER,
            from_name="The Garden",
        )

    async def run(self) -> None:
        """Send it once the reminder has arrived, tell what came of it, then tell who follows its links."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._mailbox.single_arrived.wait()
        except TimeoutError:
            pass
        connection = Connection(self._dsn, "demo mailing")
        try:
            last = (await connection.fetch(LAST_HIT))[0]["id"]
            await self._send(connection)
            while True:
                for hit in await connection.fetch(HITS, last):
                    last = hit["id"]
                    machine = hit["source"] == "Machine"
                    doubt = " (counted as a machine: too soon after the mail, or no browser)" if machine else ""
                    say(f"--- {hit['address']} {WORDS[hit['action']]}{doubt}.")
                await asyncio.sleep(0.5)
        finally:
            await connection.close()

    async def _send(self, connection: Connection) -> None:
        say(f"--- Now a mass mailing, {NAME!r}: six persons on a list, not all of whom may get it.")
        found = await find_mass_email(connection, str(self._id))
        try:
            await start(connection, found, again="everybody" if found.finished_at else None)
        except Conflict as error:  # another demo on this data was first, or the last one was stopped in the middle
            say(f"--- {error}.")
        status = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while status in ("", "Pending", "In Process"):
                    await asyncio.sleep(0.1)
                    status = (await connection.fetch(STATUS, self._id))[0]["status"]
        except TimeoutError:
            pass
        left_out = await connection.fetch(LEFT_OUT, self._id)
        say(f"--- {NAME!r} is {status}.{' Left out are:' if left_out else ''}")
        for row in left_out:
            say(f"      {row['name']} <{row['email']}>: {row['reason']}")
        if self._mailbox.links:
            self._say_what_to_try()

    def _say_what_to_try(self) -> None:
        link, unsubscribe = self._mailbox.links[0], self._mailbox.links[-1]
        say()
        say(f"--- Try the links of the mail to {self._mailbox.first_of_mailing}. In a browser on this machine, open")
        say(f"      its link, which is counted:  {link}")
        say(f"      its page to unsubscribe:     {unsubscribe}")
        say("    and press the button there. What came of it, in another terminal:")
        say(f"      {self._jobrunner} mass-email status {NAME}")
        say()
