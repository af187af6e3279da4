"""Campaigns: what belongs together, and their figures."""

import uuid
from datetime import date
from decimal import Decimal

import pytest

from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.massmail.campaigns.figures import figures_of_campaign, figures_of_mass_email
from jobrunner.services.massmail.campaigns.rows import (
    add_campaign,
    edit_campaign,
    find_campaign,
    remove_campaign,
)
from jobrunner.services.massmail.campaigns.tracking_urls import (
    add_tracking_url,
    checked_url,
    edit_tracking_url,
    list_tracking_urls,
)
from jobrunner.services.massmail.mass_emails import states
from jobrunner.services.massmail.mass_emails.rows import add_mass_email

LOG = """
    INSERT INTO jobrunner.campaign_log (
        campaign_id, mass_email_id, queue_item_id, action, source, is_test, tracking_url_id, string_additional_data,
        action_date
    )
    VALUES (
        $1, $2, $3, $4::text::jobrunner.campaign_action, $5::text::jobrunner.hit_source, $6, $7, $8,
        now() + $9::integer * interval '1 s'
    )
"""


@pytest.fixture
async def campaign(connection):
    return await add_campaign(connection, "C", by="ada")


@pytest.fixture
async def log(connection, campaign):
    mass_email = await add_mass_email(connection, "M", by="ada", campaign="C")

    async def write(item, action, source="Unknown", *, test=False, url=None, kind=None, after=0):
        await connection.execute(LOG, campaign.id, mass_email.id, item, action, source, test, url, kind, after)

    return write


async def test_figures_count_items_and_keep_machines_apart(connection, campaign, log):
    """Distinct items; a click is an open; tests stay out; an opt-out taken back is none."""
    url = await add_tracking_url(connection, campaign, "Offer", url="https://x.org")
    for item in range(1, 9):
        await log(item, "Sent")
    await log(9, "Sent", test=True)
    await log(9, "Opened", "Human", test=True)
    for _ in range(3):
        await log(1, "Opened", "Human")
    await log(1, "Opened", "Machine")
    await log(2, "Opened", "Machine")
    for source in ("Human", "Machine", "Human"):
        await log(3, "Clicked", source, url=url.id)
    await log(4, "Clicked", "Machine", url=url.id)
    await log(5, "Opted Out", "Human")
    await log(5, "Opted Out", "Human")
    await log(6, "Opted Out", "Human")
    await log(6, "Opted In", "Human", after=1)
    await log(7, "Bounced", kind="Hard")
    await log(8, "Bounced", kind="Soft")
    figures = await figures_of_campaign(connection, campaign.id)
    assert (figures.sent, figures.opened, figures.opened_by_machines) == (8, 2, 2)
    assert (figures.clicked, figures.clicked_by_machines) == (1, 1)
    assert (figures.opted_out, figures.bounced_hard, figures.bounced_soft, figures.leads_created) == (1, 1, 1, 0)
    assert (figures.percentage(figures.opened), figures.percentage(1)) == (25.0, 12.5)
    mass_email_id = await connection.fetchval("SELECT id FROM jobrunner.mass_email")
    assert await figures_of_mass_email(connection, mass_email_id) == figures
    (shown,) = await list_tracking_urls(connection, campaign)
    assert (shown.clicked, shown.clicked_by_machines, shown.placeholder) == (1, 1, f"{{trackingUrl:{url.id}}}")


async def test_without_mails_there_are_no_percentages(connection, campaign):
    figures = await figures_of_campaign(connection, campaign.id)
    assert (figures.sent, figures.percentage(0)) == (0, None)


async def test_what_is_given_is_changed_and_nothing_else(connection, campaign):
    await edit_campaign(connection, "C", start_date=date(2026, 5, 4), budget=Decimal("10.50"), teams=["Sales"])
    found = await edit_campaign(connection, "C", name="D", budget=None)
    assert (found.name, found.start_date, found.budget, found.teams) == ("D", date(2026, 5, 4), None, ["Sales"])
    assert (found.id, found.status, found.type) == (campaign.id, "Planning", "Email")
    with pytest.raises(InvalidInput, match="may not end before it starts"):
        await edit_campaign(connection, "D", end_date=date(2026, 5, 3))


async def test_lists_keep_their_order(connection, campaign, make_list):
    for name in ("A", "B", "C"):
        await make_list(name)
    assert (await edit_campaign(connection, "C", target_lists=["C", "A", "C"])).target_lists == ["C", "A"]
    assert (await edit_campaign(connection, "C", target_lists=["A", "B"])).target_lists == ["A", "B"]
    found = await edit_campaign(connection, "C", excluding_lists=["A"])
    assert (found.target_lists, found.excluding_lists) == (["A", "B"], ["A"])


async def test_its_type_is_locked_by_its_first_mass_email(connection, campaign):
    await edit_campaign(connection, "C", type="newsletter")
    await add_mass_email(connection, "M", by="ada", campaign="C")
    with pytest.raises(InvalidInput, match="cannot be changed"):
        await edit_campaign(connection, "C", type="Informational Email")
    assert (await edit_campaign(connection, "C", type="Newsletter", status="Active")).status == "Active"


async def test_a_campaign_with_tracking_urls_stays_of_a_type_that_has_them(connection, campaign):
    await add_tracking_url(connection, campaign, "Offer", url="https://x.org")
    with pytest.raises(InvalidInput, match="have tracking URLs"):
        await edit_campaign(connection, "C", type="Web")


async def test_the_campaign_of_a_mass_email_stays(connection, campaign):
    await add_campaign(connection, "D", by="ada")
    await add_mass_email(connection, "M", by="ada", campaign="C")
    with pytest.raises(Exception, match="does not change"):
        await connection.execute("UPDATE jobrunner.mass_email SET campaign_id = 2")


async def test_it_is_not_removed_while_a_mass_email_is_under_way(connection, campaign):
    mass_email = await add_mass_email(connection, "M", by="ada", campaign="C")
    await states.start(connection, mass_email)
    with pytest.raises(Conflict, match="under way"):
        await remove_campaign(connection, "C")
    await states.abort(connection, mass_email, "enough")
    await remove_campaign(connection, "C")
    with pytest.raises(NotFound):
        await find_campaign(connection, "C")
    assert await connection.fetchval("SELECT campaign_id FROM jobrunner.mass_email") is None


async def test_a_tracking_url_is_one_or_the_other(connection, campaign):
    shown = await add_tracking_url(connection, campaign, "Thanks", message="Thank you")
    assert (shown.action, shown.url, shown.message) == ("Show Message", None, "Thank you")
    changed = await edit_tracking_url(connection, campaign, "Thanks", url="https://x.org")
    assert (changed.action, changed.url) == ("Redirect", "https://x.org")
    with pytest.raises(Conflict):
        await add_tracking_url(connection, campaign, "Thanks", url="https://x.org")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//x.org",
        "x.org",
        "",
        "https://",
        "http://a@x.org",
        "https://x.org\\@y.org",
        "https://x.org/a b",
        "https://x.org/\r\nX: y",
        "https://[x",
        "https://x.org:99999",
        "https://x.org/" + "a" * 2048,
    ],
)
def test_where_no_reader_is_sent(url):
    with pytest.raises(InvalidInput):
        checked_url(url)


def test_where_readers_are_sent():
    for url in ("https://x.org", "http://x.org:8080/a?b=c#d", "https://bücher.example/ä"):
        assert checked_url(f" {url} ") == url


async def test_the_table_refuses_what_is_no_url(connection, campaign):
    with pytest.raises(Exception, match="url_is_http"):
        await connection.execute(
            "INSERT INTO jobrunner.tracking_url (campaign_id, name, url) VALUES ($1, 'x', 'javascript:x')", campaign.id
        )


async def test_links_work_when_their_mailing_is_gone(connection, person, make_list):
    """What an unsubscribe link needs stays when items, mass e-mail, campaign, member and person have gone."""
    lead = await person("Lead", "Ann@x.org")
    target, other = await make_list("L", ("Lead", lead)), await make_list("Gone")
    await add_campaign(connection, "News", by="ada", type="Newsletter")
    mass_email = await add_mass_email(
        connection, "M", by="ada", campaign="News", target_lists=["L", "Gone"], opt_out_entirely=True
    )
    tokens = {status: uuid.uuid4() for status in ("Sent", "Pending", "Uncertain")}
    for place, (status, token) in enumerate(tokens.items()):
        await connection.execute(
            """
            INSERT INTO jobrunner.queue_item (
                mass_email_id, token, status, target_type, target_id, email_address, address_key, sent_at, finished_at
            )
            VALUES ($1, $2, $3::text::jobrunner.queue_item_status, 'Lead', $4, 'Ann@x.org', $5,
                CASE WHEN $3 = 'Sent' THEN now() END, CASE WHEN $3 <> 'Pending' THEN now() END)
            """,
            mass_email.id,
            token,
            status,
            f"{lead}{place}",
            f"ann@x.org{place}",
        )
    find = "SELECT * FROM jobrunner.find_link($1)"
    before = await connection.fetchrow(find, tokens["Sent"])
    assert (before["is_there"], before["target_list_ids"]) == (True, [target, other])
    assert (before["opt_out_entirely"], before["is_informational"], before["is_test"]) == (True, False, False)
    await connection.execute("DELETE FROM jobrunner.mass_email")
    await connection.execute("DELETE FROM jobrunner.campaign")
    await connection.execute("DELETE FROM jobrunner.target_list WHERE name = 'Gone'")
    await connection.execute("DELETE FROM jobrunner.lead")
    after = await connection.fetchrow(find, tokens["Sent"])
    assert dict(after) == {**before, "is_there": False, "target_list_ids": [target]}
    assert await connection.fetchrow(find, tokens["Uncertain"]) is not None
    assert await connection.fetchrow(find, tokens["Pending"]) is None
    assert await connection.fetchrow(find, uuid.uuid4()) is None
