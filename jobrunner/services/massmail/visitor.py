"""Who follows a link: as much of it as is kept, and whether it is known to be a machine."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LONGEST_AGENT = 500

# Scanners of links in mail, prefetchers, and the programs that people write such things with. None of these is the
# browser or mail program of a person who reads. (CUBOT makes telephones.)
MACHINES = re.compile(
    r"""barracuda|proofpoint|mimecast|symantec|messagelabs|fireeye|trend\s?micro|sophos|forcepoint|websense|cisco-?iron
    |ironport|zscaler|fortinet|fortimail|fortiguard|sonicwall|avanan|checkpoint|cloudmark|vade(?:secure)?|hornetsecurity
    |mailscanner|safelinks|microsoft\ office\ existence|linkpreview|skypeuripreview|bingpreview|slackbot
    |twitterbot|telegrambot|whatsapp|discordbot|facebookexternalhit|linkedinbot|googlebot|adsbot|mediapartners|bingbot
    |yandex|baiduspider|duckduckbot|applebot|petalbot|semrush|ahrefs|mj12bot|virustotal|urlscan|phishtank|netcraft
    |headlesschrome|phantomjs|puppeteer|playwright|selenium|python-requests|python-urllib|aiohttp|httpx/|curl/|wget/
    |libwww-perl|go-http-client|okhttp|java/|apache-httpclient|node-fetch|axios/|ruby|guzzle|scrapy
    |\b(?!cubot\b)\w*(?:crawler|spider|scanner|scan|bot|preview|prefetch|monitor|checker)\b""",
    re.IGNORECASE | re.VERBOSE,
)
PRIVACY_PROXY_AGENT = "Mozilla/5.0"
"""All that Apple's Mail Privacy Protection says: it fetches the images of every mail, whether anybody reads it or not.
The image proxies of Gmail and Yahoo fetch when somebody opens the mail, and are not machines in this sense."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A request, without what would identify a person."""

    user_agent: str | None = None
    network: str | None = None
    """/24 or /48 of the address, never the whole of it."""
    prefetches: bool = False
    """Whether the request says of itself that nobody has asked for it yet."""

    @classmethod
    def of(cls, address: str | None, user_agent: str | None, purpose: str | None = None) -> "Visitor":
        """Make one of an address, and the headers User-Agent and Sec-Purpose (or Purpose, X-Moz)."""
        agent = re.sub(r"[^\x20-\x7e]", "?", user_agent)[:LONGEST_AGENT] if user_agent else None
        return cls(agent, _network(address), "prefetch" in (purpose or "").lower())

    @property
    def is_machine(self) -> bool:
        """Whether what it says of itself gives it away; a person's browser always says something."""
        return self.prefetches or self.user_agent is None or MACHINES.search(self.user_agent) is not None

    @property
    def is_privacy_proxy(self) -> bool:
        """Whether it fetches images for somebody who may never look at them."""
        return self.user_agent is not None and self.user_agent.strip() == PRIVACY_PROXY_AGENT


def _network(address: str | None) -> str | None:
    if address is None:
        return None
    try:
        ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip_network((ip, 24 if ip.version == 4 else 48), strict=False))
