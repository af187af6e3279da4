"""The administrator's settings of mass mail."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from jobrunner.db.queryable import Queryable
from jobrunner.errors import InvalidInput
from jobrunner.imports import alone
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group

LOOPBACK_NAMES = ("localhost", "localhost.localdomain")


def checked_site_url(text: str) -> str:
    """Return the base of links in mails without its last slash.

    Raises:
        InvalidInput: it is not https, or http to this machine; or has more than a path.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidInput(f"{text[:100]!r} is no URL: write it as https://crm.example.com") from None
    if parts.scheme not in ("https", "http") or not host or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host) or port == 0:
        raise InvalidInput(f"{text[:100]!r} is no URL: write it as https://crm.example.com")
    if parts.scheme == "http" and not _is_loopback(host):
        raise InvalidInput(f"links in mails must be https, got {text[:100]!r} (http only to a loopback address)")
    if parts.query or parts.fragment or "@" in parts.netloc or not text.isascii() or " " in text:
        raise InvalidInput(
            f"{text[:100]!r} must be a scheme, a host and at most a path, such as https://crm.example.com"
        )
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_NAMES


def checked_bounce_address(text: str) -> str:
    """Return the template of the addresses that bounces come to.

    Raises:
        InvalidInput: it is no address with one {token} before the @.
    """
    with alone("jobrunner.services.mail.address"):
        from jobrunner.services.mail.address import parse_address

    local, _, domain = text.rpartition("@")
    if local.count("{token}") != 1 or "{token}" in domain:
        raise InvalidInput(f"{text[:100]!r} must have one {{token}} before the @, as bounces+{{token}}@example.com has")
    # As long as a signed token is.
    parse_address(f"{local.replace('{token}', 't' * 55)}@{domain.replace('{from domain}', 'example.com')}")
    return text


MASS_MAIL = SettingGroup(
    "Mass mail",
    (
        Setting(
            "mass_email_max_per_hour_count",
            "Mass Email Max Per Hour Count",
            "whole number",
            100,
            "The most mails that all mass e-mails together send in any 60 minutes; 0 for no limit. Test mails count, "
            "and are never held back.",
            "mails",
            0,
            10_000_000,
        ),
        Setting(
            "mass_email_max_per_batch_count",
            "Mass Email Max Per Batch Count",
            "whole number",
            0,
            "The most mails that one run of the job sends, over all mass e-mails; 0 for no limit.",
            "mails",
            0,
            10_000_000,
        ),
        Setting(
            "mass_email_max_attempt_count",
            "Mass Email Max Attempt Count",
            "whole number",
            3,
            "How often a mail that is deferred is tried. Attempts that fail on our side (a server that is away) do not "
            "count.",
            "attempts",
            1,
            20,
        ),
        Setting(
            "mass_email_open_tracking",
            "Mass Email Open Tracking",
            "yes or no",
            False,
            "HTML mails of campaigns carry an image of one pixel by which an open is seen.",
        ),
        Setting(
            "mass_email_disable_mandatory_opt_out_link",
            "Mass Email Disable Mandatory Opt Out Link",
            "yes or no",
            False,
            "No link to unsubscribe is added to a body that has none. The List-Unsubscribe headers stay.",
        ),
        Setting(
            "mass_email_verp",
            "Mass Email Verp",
            "yes or no",
            False,
            "Each mail has an envelope sender of its own, by which its bounce is found.",
        ),
        Setting(
            "mass_email_bounce_address",
            "Mass Email Bounce Address",
            "text",
            "bounces+{token}@{from domain}",
            "That envelope sender. Its domain should be the sender's or below it.",
            allowed="an address with {token} before the @; {from domain} is the sender's",
            checked=checked_bounce_address,
        ),
        Setting(
            "mass_email_site_url",
            "Mass Email Site URL",
            "text",
            "",
            "What links to unsubscribe and to track begin with; where it is empty, the site_url of the configuration.",
            allowed="a URL with https (http to a loopback address only)",
            checked=checked_site_url,
        ),
        Setting(
            "email_address_is_opted_out_by_default",
            "Email Address Is Opted Out By Default",
            "yes or no",
            False,
            "New addresses start opted out. Those that are known keep what they are.",
        ),
        Setting(
            "mail_queue_retention",
            "Mail Queue Retention",
            "whole number",
            180,
            "How long the items of a mass e-mail that is finished are kept. Its figures stay, as do the links in its "
            "mails.",
            "days",
            1,
            36_500,
        ),
    ),
)
"""The group as the settings list shows it."""


@dataclass(frozen=True, slots=True)
class MassMailSettings:
    """The settings of mass mail at one moment. Made with no arguments, it holds the defaults."""

    mass_email_max_per_hour_count: int = 100
    """0 for no limit."""
    mass_email_max_per_batch_count: int = 0
    """0 for no limit."""
    mass_email_max_attempt_count: int = 3
    mass_email_open_tracking: bool = False
    mass_email_disable_mandatory_opt_out_link: bool = False
    mass_email_verp: bool = False
    mass_email_bounce_address: str = "bounces+{token}@{from domain}"
    mass_email_site_url: str = ""
    """Empty for the `site_url` of the configuration."""
    email_address_is_opted_out_by_default: bool = False
    mail_queue_retention: int = 180
    """Days."""

    def site_url(self, configured: str | None) -> str:
        """Return what links in mails begin with; `configured` is `Configuration.given_site_url`.

        Raises:
            InvalidInput: there is none, or it is not https (http to this machine only): no mailing may start.
        """
        given = self.mass_email_site_url or (configured or "")
        if not given:
            raise InvalidInput(
                "links in mails need the URL at which recipients reach this site: set JOBRUNNER_SITE_URL, or "
                "`jobrunner settings set mass_email_site_url https://…`"
            )
        return checked_site_url(given)

    def bounce_address(self, token: str, from_domain: str) -> str:
        """Return the envelope sender that bounces of one mail come to."""
        return self.mass_email_bounce_address.replace("{token}", token).replace("{from domain}", from_domain)


async def load_mass_mail_settings(connection: Queryable) -> MassMailSettings:
    """Read the settings of mass mail."""
    return await load_group(connection, MASS_MAIL, MassMailSettings)
