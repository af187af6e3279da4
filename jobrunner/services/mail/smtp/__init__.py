"""Handing messages to a mail server, by aiosmtplib.

A `Transport` takes one message for one recipient and returns a `Result`; it raises nothing but a cancellation. The
result's `Outcome` says what is to be done next: it is drawn from the phase of the dialogue, the reply's code and its
enhanced code, in one table (`classify`).

What the library leaves open is settled here. The commands of a transaction are sent one by one, each under a limit of
its own that has a name, so that it is known whether the final dot was sent when a line breaks: before it the message
was not taken, after it nobody knows. A connection on which a limit ran out, a call was cancelled or a reply made no
sense is thrown away, since a late reply would be taken for that of the next command. TLS is as configured, never as
offered, and a password goes only over TLS or to this machine itself.

`Session` is the transport of one connection. Pools, rates and pauses of accounts will be another one.
"""

from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.outcome import Outcome, Phase, Result
from jobrunner.services.mail.smtp.session import Session
from jobrunner.services.mail.smtp.transport import Envelope, Transport

__all__ = ["Account", "Envelope", "Outcome", "Phase", "Result", "Session", "Transport"]
