"""The nine jobs of EspoCRM's page: for each what gives it something to do, and how one sees that it has done it.

All is typed as a person would; only old rows, and mail that arrives, come from elsewhere.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from tests.cli.calling import Call, Done
from tests.e2e.house import KEY
from tests.e2e.receiver import Receiver
from tests.services.mail.importing.letters import letter
from tests.services.webhooks.stage import Endpoints
from tests.support.daemons import until
from tests.support.dovecot import PASSWORD, Dovecot

ANN = "ann@example.org"
CUSTOMERS = "email,first name\nbob@example.net,Bob\ncyd@example.net,Cyd\n"


@dataclass
class Site:
    """An installation with servers around it, and somebody at a terminal."""

    connection: Any
    type_in: Call
    receiver: Receiver
    dovecot: Dovecot
    endpoints: Endpoints
    folder: Path

    def settings(self, database_url: str) -> dict[str, str]:
        """The configuration of all processes, as their environment."""
        return {
            "JOBRUNNER_DATABASE_URL": database_url,
            "JOBRUNNER_SECRET_KEY": KEY,
            "JOBRUNNER_DATA_DIR": str(self.folder / "data"),
            "JOBRUNNER_SITE_URL": "https://crm.example.com",
            "JOBRUNNER_SMTP__HOST": "127.0.0.1",
            "JOBRUNNER_SMTP__PORT": str(self.receiver.port),
            "JOBRUNNER_SMTP__SECURITY": "none",
            "JOBRUNNER_SMTP__FROM_ADDRESS": "crm@example.com",
            "IMAP_PASSWORD": PASSWORD,
        }

    async def type(self, *words: object) -> Done:
        done = await self.type_in(*words)
        assert done.code == 0, (words, done.err)
        return done

    async def change(self, statement: str, *values: object) -> None:
        await self.connection.execute(statement, *values)

    async def exists(self, rows: str, *values: object) -> bool:
        return bool(await self.connection.fetchval(f"SELECT EXISTS (SELECT FROM jobrunner.{rows})", *values))

    def subjects(self, recipient: str) -> list[str]:
        """Of the mails that somebody has got."""
        mails = (message_from_bytes(one.raw, policy=policy.default) for one in self.receiver.of(recipient))
        return [str(mail["Subject"]) for mail in mails]


async def remind(site: Site, what: str, by: str) -> None:
    """Add a reminder, and wait until its time has come."""
    await site.type("reminder", "add", what, "--user", "Ann", "--in", "1s", "--by", by)
    await until(site.connection, "SELECT max(remind_at) <= clock_timestamp() FROM jobrunner.reminder")


async def plan_mail(site: Site) -> None:
    await remind(site, "Call Ada", "Email")


async def is_reminded(site: Site) -> bool:
    return any("Call Ada" in subject for subject in site.subjects(ANN))


async def plan_popup(site: Site) -> None:
    await remind(site, "Ring Bob", "Popup")


async def pops_up(site: Site) -> bool:
    return "Ring Bob" in (await site.type("popup", "list", "Ann")).out


async def post(site: Site) -> None:
    await site.type("settings", "set", "stream_email_notifications", "yes")
    await site.type("settings", "set", "email_notifications_delay", "0")
    await site.change(
        "SELECT jobrunner.notify('ann', 'Post', '{\"post\": \"It is broken\"}', parent_type => 'Case',"
        " parent_id => '4711', parent_name => 'Printer')"
    )


async def is_notified(site: Site) -> bool:
    return any("Printer" in subject for subject in site.subjects(ANN))


async def start_mailing(site: Site) -> None:
    (site.folder / "customers.csv").write_text(CUSTOMERS)
    (site.folder / "spring.html").write_text("<p>Dear {Person.firstName}, it is time to sow.</p>")
    account = ("--host", "127.0.0.1", "--port", site.receiver.port, "--security", "none", "--for-mass-mail")
    await site.type("smtp-account", "add", "news", *account, "--from-address", "news@example.com")
    await site.type("target-list", "import", "Customers", "customers.csv", "--type", "lead", "--create")
    await site.type("campaign", "add", "Spring", "--type", "newsletter", "--list", "Customers")
    subject = "{Person.firstName}, spring is here"
    await site.type("email-template", "add", "Spring", "--subject", subject, "--html", "spring.html")
    parts = ("--campaign", "Spring", "--template", "Spring", "--account", "news")
    await site.type("mass-email", "add", "Spring", *parts)
    await site.type("mass-email", "start", "Spring")


async def is_mailed(site: Site) -> bool:
    got = {name: site.subjects(f"{name}@example.net") for name in ("bob", "cyd")}
    return got == {"bob": ["Bob, spring is here"], "cyd": ["Cyd, spring is here"]}


async def let_mail_in(site: Site, kind: str, name: str, *options: str) -> None:
    """Add an account, and deliver a mail to it."""
    user = site.dovecot.new_user()
    server = ("--host", "127.0.0.1", "--port", site.dovecot.port, "--security", "none", "--no-idle")
    login = ("--username", user, "--password-env", "IMAP_PASSWORD", "--since", "2020-01-01")
    await site.type(kind, "add", name, *options, "--address", f"{name}@example.org", *server, *login)
    message = letter(subject=f"To {name}", to=f"{name}@example.org", message_id=f"<{name}@example.com>")
    site.dovecot.deliver(user, [message])


async def write_to_ann(site: Site) -> None:
    await let_mail_in(site, "email-account", "ann", "--user", "Ann")


async def ann_has_it(site: Site) -> bool:
    return "To ann" in (await site.type("emails", "list", "--email-account", "ann")).out


async def write_to_help(site: Site) -> None:
    await site.type("team", "add", "Support")
    await let_mail_in(site, "inbound-email", "help", "--team", "Support")


async def help_has_it(site: Site) -> bool:
    return "To help" in (await site.type("emails", "list", "--inbound-email", "help")).out


async def delete_long_ago(site: Site) -> None:
    await site.change("INSERT INTO jobrunner.contact (id, last_name, deleted) VALUES ('old', 'Old', true)")
    await site.change("UPDATE jobrunner.contact SET deleted_at = now() - interval '61 days' WHERE id = 'old'")


async def is_gone(site: Site) -> bool:
    return not await site.exists("contact WHERE id = 'old'")


async def emit(site: Site) -> None:
    await site.type("settings", "set", "webhook_allowed_hosts", "127.0.0.0/8")
    await site.type("webhook", "add", "--event", "Account.create", "--url", site.endpoints.url("/crm"))
    await site.type("emit", "Account.create", "--data", '{"id": "17"}')


async def is_told(site: Site) -> bool:
    return [one.data for one in site.endpoints.at("/crm")] == [[{"id": "17"}]]


async def write_article(site: Site) -> None:
    today = datetime.now(UTC).date().isoformat()
    await site.type("article", "add", "How to pay", "--status", "In Review", "--approved", "--publish-date", today)


async def is_published(site: Site) -> bool:
    return "How to pay" in (await site.type("article", "list", "--status", "Published")).out


@dataclass(frozen=True)
class Work:
    """One job's."""

    job: str
    prepare: Callable[[Site], Awaitable[None]]
    is_done: Callable[[Site], Awaitable[bool]]
    target: str | None = None
    """The kind of its target, for those that have one; its id is 1."""


NINE = (
    Work("CheckEmailAccounts", write_to_ann, ann_has_it, target="EmailAccount"),
    Work("CheckInboundEmails", write_to_help, help_has_it, target="InboundEmail"),
    Work("Cleanup", delete_long_ago, is_gone),
    Work("ProcessMassEmail", start_mailing, is_mailed),
    Work("ProcessWebhookQueue", emit, is_told),
    Work("SendEmailNotifications", post, is_notified),
    Work("SendEmailReminders", plan_mail, is_reminded),
    Work("SubmitPopupReminders", plan_popup, pops_up),
    Work("ControlKnowledgeBaseArticleStatus", write_article, is_published),
)
"""In the order of the page."""
