"""Every target: what is old goes, what is younger, lives or is referred to stays; a preview says the same."""

from typing import Any

import pytest

from jobrunner.queue.cleanup_targets import cleanup_targets, problems_of_targets
from jobrunner.queue.period import check_period
from jobrunner.queue.setting import Setting
from tests.services.cleanup.conftest import House


def test_all_are_declared_and_have_a_name_and_a_period():
    assert problems_of_targets() == ()
    names = [target.name for target in cleanup_targets()]
    assert len(names) == len(set(names)) > 20
    for target in cleanup_targets():
        if isinstance(target.period, Setting) and target.period.kind == "text":
            assert check_period(str(target.period.default)) == target.period.default


async def test_an_empty_house_has_nothing_to_clean(house: House):
    assert await house.preview() == {}
    assert (await house.clean()).rows == 0


async def add_delivery(house: House, number: int, status: str, age: str) -> None:
    await house.run(
        "INSERT INTO jobrunner.webhook_event (event, size, data, occurred_at, fanned_out_at)"
        " VALUES ('A.create', 2, '{}', now() - $1::text::interval, now() - $1::text::interval)",
        age,
    )
    await house.run(
        "INSERT INTO jobrunner.webhook_delivery (webhook_id, event_number, status, batch_id, processed_at)"
        " VALUES (1, $1, $2::text::jobrunner.webhook_delivery_status, $1,"
        " CASE WHEN $2 <> 'Pending' THEN now() - $3::text::interval END)",
        number,
        status,
        age,
    )
    await house.run(
        "INSERT INTO jobrunner.webhook_batch (id, message_id, webhook_id, event, first_number, last_number, created_at)"
        " VALUES ($1::bigint, gen_random_uuid(), 1, 'A.create', $1, $1, now() - $2::text::interval)",
        number,
        age,
    )
    await house.run(
        "INSERT INTO jobrunner.webhook_attempt (batch_id, attempt, webhook_id, started_at, duration_ms, answer_head)"
        " VALUES ($1, 1, 1, now() - $2::text::interval, 5, '')",
        number,
        age,
    )


async def test_of_webhooks_an_event_goes_with_its_last_delivery(house: House):
    ages = [("Success", "11 days"), ("Success", "9 days"), ("Failed", "29 days"), ("Failed", "31 days")]
    for number, (status, age) in enumerate([*ages, ("Pending", "1 year")], start=1):
        await add_delivery(house, number, status, age)
    assert await house.preview("webhook-deliveries", "failed-webhook-deliveries") == {
        "webhook-deliveries": 1,
        "failed-webhook-deliveries": 1,
    }

    report = await house.clean()

    assert {one.target: one.rows for one in report.targets if one.rows} == {
        "webhook-deliveries": 1,
        "failed-webhook-deliveries": 1,
        "webhook-attempts": 2,
        "webhook-events": 2,
    }
    assert await house.ids("webhook_event", "number") == [2, 3, 5]
    assert await house.ids("webhook_batch") == [2, 3, 5]
    assert await house.ids("webhook_attempt", "batch_id") == [2, 3, 5]


async def test_notifications_by_whether_they_were_read_and_never_one_whose_mail_waits(house: House):
    rows = [(True, "3 months", "Sent"), (False, "3 months", "Sent"), (False, "7 months", "Skipped")]
    for read, age, mail in [*rows, (True, "1 year", "Waiting"), (True, "1 month", "Sent")]:
        await house.run(
            "INSERT INTO jobrunner.notification (user_id, type, read, created_at, next_attempt_at)"
            " VALUES ('ann', 'System', $1, now() - $2::text::interval, now())",
            read,
            age,
        )
        await house.run(
            "UPDATE jobrunner.notification SET mail = $1::text::jobrunner.notification_mail,"
            " finished_at = CASE WHEN $1 <> 'Waiting' THEN now() END"
            " WHERE number = (SELECT max(number) FROM jobrunner.notification)",
            mail,
        )

    await house.clean()

    assert await house.ids("notification", "number") == [2, 4, 5]


async def test_reminders_stay_until_their_record_has_begun(house: House):
    rows = [("Sent", "16 days", "-15 days"), ("Sent", "16 days", "1 day"), ("Sent", "14 days", "-13 days")]
    rows += [("Dismissed", "2 days", "-1 day"), ("Dismissed", "2 days", "1 day")]
    for number, (state, age, start) in enumerate(rows):
        await house.run(
            "INSERT INTO jobrunner.reminder"
            " (remind_at, start_at, next_attempt_at, finished_at, type, state, user_id, entity_type, entity_id)"
            " VALUES (now(), now() + $3::text::interval, now(), now() - $2::text::interval, 'Popup',"
            " $1::text::jobrunner.reminder_state, 'ann', 'Meeting', $4)",
            state,
            age,
            start,
            str(number),
        )

    await house.clean()

    assert await house.ids("reminder", "entity_id") == ["1", "2", "4"]


async def test_deleted_records_go_unless_a_case_or_contact_names_them(house: House):
    await house.run("INSERT INTO jobrunner.account (id, name) VALUES ('a1', 'One'), ('a2', 'Two'), ('a3', 'Three')")
    await house.run(
        "INSERT INTO jobrunner.contact (id, last_name, account_id) VALUES ('c1', 'Ann', 'a1'), ('c2', 'Bob', NULL)"
    )
    await house.run("INSERT INTO jobrunner.case_record (id, name, contact_id) VALUES ('k1', 'Case', 'c2')")
    for table in ("account", "contact"):
        await house.run(f"UPDATE jobrunner.{table} SET deleted = true")
        await house.run(f"UPDATE jobrunner.{table} SET deleted_at = now() - interval '61 days' WHERE id <> 'a3'")

    await house.clean("deleted-accounts")
    assert await house.ids("account") == ["a1", "a3"], "a contact that is there still names the first"

    await house.clean()
    assert await house.ids("contact") == ["c2"], "a case names it"
    assert await house.ids("account") == ["a3"]


async def test_a_record_that_is_restored_counts_anew(house: House):
    await house.run("INSERT INTO jobrunner.lead (id, last_name, deleted) VALUES ('l1', 'Ann', true)")
    await house.run("UPDATE jobrunner.lead SET deleted_at = now() - interval '61 days'")
    assert await house.preview("deleted-leads") == {"deleted-leads": 1}

    await house.run("UPDATE jobrunner.lead SET deleted = false")
    assert await house.preview("deleted-leads") == {}
    await house.run("UPDATE jobrunner.lead SET deleted = true")
    assert await house.preview("deleted-leads") == {}


async def add_mail(house: House, id: int, **users: tuple[bool, str]) -> None:
    await house.run(
        "INSERT INTO jobrunner.email (id, date_sent, thread_id, message_key, message_ref, text_digest, subject)"
        " VALUES ($1::bigint, now(), $1, $1::bigint::text, $1::bigint::text, '', '')",
        id,
    )
    for user, (in_trash, age) in users.items():
        await house.run(
            "INSERT INTO jobrunner.email_user (email_id, user_id, in_trash) VALUES ($1, $2, $3)", id, user, in_trash
        )
        await house.run(
            "UPDATE jobrunner.email_user SET trashed_at = now() - $3::text::interval"
            " WHERE email_id = $1 AND user_id = $2 AND in_trash",
            id,
            user,
            age,
        )


async def test_a_mail_goes_when_all_its_users_put_it_into_the_trash(house: House):
    old, new, kept = (True, "31 days"), (True, "1 day"), (False, "0")
    await add_mail(house, 1, ann=old)
    await add_mail(house, 2, ann=old, bob=old)
    await add_mail(house, 3, ann=old, bob=new)
    await add_mail(house, 4, ann=old, bob=kept)
    await add_mail(house, 5, ann=new)
    await add_mail(house, 6, ann=old)
    await house.run("INSERT INTO jobrunner.case_record (name, email_id) VALUES ('Case', 6)")
    await add_mail(house, 7)

    await house.clean()

    assert await house.ids("email") == [3, 4, 5, 6, 7]
    left = await house.pool.fetch("SELECT email_id, user_id FROM jobrunner.email_user ORDER BY 1, 2")
    assert [tuple(row) for row in left] == [(3, "ann"), (3, "bob"), (4, "bob"), (5, "ann"), (6, "ann")]


async def test_a_file_goes_with_the_last_mail_that_has_it(house: House):
    content = b"x" * 32
    place = house.configuration.data_dir / "files" / content.hex()[:2] / content.hex()
    place.parent.mkdir(parents=True)
    place.write_bytes(b"hello")
    await house.run(
        "INSERT INTO jobrunner.stored_file (sha256, size, pinned_until) VALUES ($1, 5, now() - interval '1 hour')",
        content,
    )
    await add_mail(house, 1, ann=(True, "31 days"))
    await house.run(
        "INSERT INTO jobrunner.email_attachment (email_id, position, name, content_type, size, sha256)"
        " VALUES (1, 1, 'a.txt', 'text/plain', 5, $1)",
        content,
    )
    await house.clean("files")
    assert place.exists(), "a mail has it"

    await house.clean()

    assert not place.exists()
    assert await house.ids("stored_file", "sha256") == []


HIT = """
INSERT INTO jobrunner.campaign_log (action, source, queue_item_id, action_date, user_agent, ip_prefix, campaign_id)
VALUES (
    $1::text::jobrunner.campaign_action, $2::text::jobrunner.hit_source, $3, now() - $4::text::interval,
    'Browser', '10.0.0.0/24', $5
)
"""
HITS: list[tuple[Any, ...]] = [
    ("Opened", "Human", 1, "2 years"),
    ("Opened", "Human", 1, "2 years"),
    ("Opened", "Machine", 1, "2 years"),
    ("Clicked", "Human", 1, "2 years"),
    ("Clicked", "Human", 1, "1 month"),
    ("Opened", "Human", 2, "2 years"),
]


async def test_of_hits_the_detail_goes_and_the_figures_stay(house: House):
    from jobrunner.db.sql import load

    campaign = await house.run("INSERT INTO jobrunner.campaign (name) VALUES ('Spring') RETURNING id")
    for hit in HITS:
        await house.run(HIT, *hit, campaign)
    figures = load("jobrunner.services.massmail.campaigns", "read_figures")
    before = await house.pool.fetchrow(figures, campaign, None)

    await house.clean()

    assert await house.pool.fetchrow(figures, campaign, None) == before
    assert await house.ids("campaign_log") == [1, 3, 4, 5, 6]
    known = await house.pool.fetch("SELECT id FROM jobrunner.campaign_log WHERE user_agent IS NOT NULL")
    assert [row["id"] for row in known] == [5]


@pytest.mark.parametrize("words", ["2 yaers", "-1 day", "0 days", "200 years"])
async def test_a_period_that_nobody_can_read_removes_nothing_and_is_named(house: House, words: str):
    from jobrunner.services.cleanup.run import CleanupFailed

    await house.set("cleanup_notifications_period", words)
    await house.run(
        "INSERT INTO jobrunner.notification (user_id, type, read, created_at, next_attempt_at, mail, finished_at)"
        " VALUES ('ann', 'System', true, now() - interval '9 years', now(), 'Sent', now())"
    )
    await house.run("UPDATE jobrunner.notification SET mail = 'Sent', finished_at = now()")
    run = house.cleaner("notifications", "trash")
    with pytest.raises(CleanupFailed, match="cleanup_notifications_period"):
        await run.clean()
    assert [one.error is None for one in run.report.targets] == [False, True], "the others are cleaned"
    assert await house.run("SELECT count(*) FROM jobrunner.notification") == 1


async def test_never_is_never(house: House):
    await house.set("cleanup_webhook_queue_period", "never")
    await add_delivery(house, 1, "Success", "10 years")
    report = await house.clean()
    assert report.rows == 0
    assert {one.note for one in report.targets if one.kept is None} == {"kept for ever"}


async def test_the_hits_whose_visitors_are_forgotten_are_not_read_again(house: House):
    """Of thousands of hits of years ago ten still say who made them."""
    await house.run(
        "INSERT INTO jobrunner.campaign_log (action, source, action_date, user_agent)"
        " SELECT 'Opened', 'Human', now() - interval '2 years', CASE WHEN n % 2000 = 0 THEN 'Browser' END"
        " FROM generate_series(1, 20000) AS n"
    )
    await house.run("ANALYZE jobrunner.campaign_log")
    from jobrunner.db.sql import load

    statement = load("jobrunner.services.massmail", "list_old_visitors")
    plan = await house.pool.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) {statement}", "1 year")
    told = "\n".join(row[0] for row in plan)
    assert "campaign_log_visitor" in told
    assert "Rows Removed by Filter" not in told
    assert (await house.clean("campaign-visitors")).rows == 10
