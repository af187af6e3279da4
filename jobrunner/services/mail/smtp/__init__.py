"""Handing messages to a mail server.

A `Transport` takes one message for one recipient and returns a `Result`; it raises nothing but a cancellation. The
result's `Outcome` says what is to be done next: it is drawn from the phase of the dialogue, the reply's code and its
enhanced code, in one table (`classify`).

aiosmtplib connects, agrees on TLS and logs in (`opening`); then the connection is ours (`Line`). The commands of a
message go out together where the server offers PIPELINING, else one by one; every reply is read, under a limit that has
a name, so that it is known whether the final dot was sent when a line breaks: before it the message was not taken,
after it nobody knows. A connection on which a limit ran out, a call was cancelled or a reply made no sense is thrown
away, since a late reply would be taken for that of the next command. TLS is as configured, never as offered, and a
password goes only over TLS or to this machine itself.

`Session` is the transport of one connection, `Pool` lends the few of an account to one task each, and `shared_pools`
holds the pools that all who send in this process share:

    async with shared_pools().lend(account) as pool, pool.connection() as transport:
        result = await transport.send(message, Envelope(sender, recipient))
"""

from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.outcome import Outcome, Phase, Result
from jobrunner.services.mail.smtp.pool import NoConnection, Pool
from jobrunner.services.mail.smtp.pools import Pools, shared_pools
from jobrunner.services.mail.smtp.session import Session
from jobrunner.services.mail.smtp.transport import Envelope, Transport

__all__ = [
    "Account",
    "Envelope",
    "NoConnection",
    "Outcome",
    "Phase",
    "Pool",
    "Pools",
    "Result",
    "Session",
    "Transport",
    "shared_pools",
]
