"""CheckEmailAccounts and CheckInboundEmails: their definitions, run by a person, and in daemons."""

import pytest

from jobrunner.definitions import registry
from jobrunner.errors import InvalidInput
from jobrunner.queue.settings import set_setting
from jobrunner.run_job import run_job
from jobrunner.services.records import add_account, add_contact
from tests.services.mail.importing.letters import HEAD, multipart, part
from tests.services.mailbox.conftest import PostOffice


@pytest.mark.parametrize("name", ["CheckEmailAccounts", "CheckInboundEmails"])
def test_their_definitions(name: str):
    registry.load()
    definition = registry.find(name)

    assert definition.crontab == "* * * * *"
    assert definition.often
    assert not definition.blocking
    assert not definition.has_data
    assert definition.targets is not None
    assert definition.deadline is not None


async def run(office: PostOffice, name: str, target_id: str | None = None) -> list[tuple[str, str | None]]:
    registry.load()
    url = office.url
    ended = await run_job(
        dsn=url,
        direct_dsn=url,
        configuration=office.configuration,
        registry=registry,
        name=name,
        target_id=target_id,
    )
    return [(one.status, one.error) for one in ended]


async def test_run_job_fetches_from_the_account(office: PostOffice, user: str):
    id = await office.account(user)
    office.deliver(user, "a", "b")

    assert await run(office, "CheckEmailAccounts", str(id)) == [("Success", None)]

    assert await office.subjects() == ["a", "b"]
    with pytest.raises(InvalidInput, match="has no target '0'"):
        await run(office, "CheckEmailAccounts", "0")


async def test_the_owner_is_told_of_what_was_fetched(office: PostOffice, user: str):
    """Once, however often the folder is read."""
    id = await office.account(user)
    office.deliver(user, "a", "b")

    for _ in range(2):
        assert await run(office, "CheckEmailAccounts", str(id)) == [("Success", None)]

    rows = await office.connection.fetch(
        "SELECT n.user_id, n.type, n.data ->> 'subject' FROM jobrunner.notification AS n ORDER BY n.number"
    )
    assert [tuple(row) for row in rows] == [("ann", "EmailReceived", "a"), ("ann", "EmailReceived", "b")]


async def test_settings_say_what_is_fetched_whole_and_whom_a_mail_is_about(office: PostOffice, user: str):
    id = await office.account(user)
    account = await add_account(office.connection, "Acme")
    contact = await add_contact(office.connection, "Ann", "Lee", "ann@example.com", account_id=account)
    lines = b"%s\r\n" % (b"x" * 70)

    async def came(name: str) -> tuple[str, bool]:
        head = HEAD.replace("<1@", f"<{name}@")
        file = part(lines * 20_000, "application/pdf", Content_Disposition="attachment")
        large = multipart(part(b"see file"), file, head=head)
        office.dovecot.deliver(user, [large])
        assert await run(office, "CheckEmailAccounts", str(id)) == [("Success", None)]
        row = await office.connection.fetchrow(
            "SELECT e.parent_id, bool_and(a.sha256 IS NOT NULL) AS is_whole FROM jobrunner.email AS e"
            " JOIN jobrunner.email_attachment AS a ON a.email_id = e.id GROUP BY e.id ORDER BY e.id DESC LIMIT 1"
        )
        return row["parent_id"], row["is_whole"]

    assert await came("one") == (account, True)
    await set_setting(office.connection, "email_message_max_size", "1", "test")
    await set_setting(office.connection, "b2c_mode", "yes", "test")
    assert await came("two") == (contact, False)


async def test_without_a_target_all_of_them_and_a_broken_one_delays_none(office: PostOffice, user: str):
    other = office.dovecot.new_user()
    await office.account(user, kind="Group", password="wrong")
    await office.account(other, kind="Group")
    await office.account(office.dovecot.new_user(), kind="Group", status="Inactive")
    office.deliver(other, "a")

    ended = await run(office, "CheckInboundEmails")

    assert sorted(status for status, _ in ended) == ["Failed", "Success"]
    assert any("refuses the login" in str(error) for _, error in ended)
    assert await office.subjects() == ["a"]


async def test_a_run_that_found_nothing_leaves_no_row(office: PostOffice, user: str):
    """By a firing; what a person runs stays."""
    id = await office.account(user)
    office.deliver(user, "a")

    await run(office, "CheckEmailAccounts", str(id))
    await run(office, "CheckEmailAccounts", str(id))

    results = await office.connection.fetch("SELECT result FROM jobrunner.job_history ORDER BY id")
    assert len(results) == 2
    assert await office.subjects() == ["a"]


class Firing:
    """What a preparator uses of the context of a firing."""

    job_id = 4711

    def __init__(self, office: PostOffice) -> None:
        self.connection = office.connect
        self.idle = False

    def nothing_to_do(self) -> None:
        self.idle = True


@pytest.mark.parametrize("name", ["CheckEmailAccounts", "CheckInboundEmails", "StoreSentEmails"])
async def test_a_firing_that_finds_no_account_has_nothing_to_do(office: PostOffice, user: str, name: str):
    """So it leaves no row in the history each minute."""
    registry.load()
    find_targets = registry.find(name).targets
    assert find_targets is not None

    async def asked() -> tuple[int, bool]:
        context = Firing(office)
        found = [one async for one in find_targets(context)]  # type: ignore[union-attr,arg-type]
        return len(found), context.idle

    assert await asked() == (0, True)
    if name != "StoreSentEmails":
        await office.account(user, kind="Personal" if name == "CheckEmailAccounts" else "Group")
        assert await asked() == (1, False)
