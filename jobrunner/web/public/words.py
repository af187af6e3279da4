"""What the public pages say, by language; another language is one more entry of `LANGUAGES`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Of one language. `{address}` is the address of the recipient, all but hidden."""

    tag: str
    """For the lang attribute."""
    unsubscribe_title: str
    unsubscribe_question: str
    unsubscribe_entirely_question: str
    unsubscribe_button: str
    unsubscribed_title: str
    unsubscribed: str
    unsubscribed_entirely: str
    delay: str
    subscribe_hint: str
    subscribe_button: str
    subscribed_title: str
    subscribed: str
    unknown_title: str
    unknown: str
    later_title: str
    later: str
    message_title: str


ENGLISH = Words(
    tag="en",
    unsubscribe_title="Unsubscribe",
    unsubscribe_question="Would you like no more mails of this kind to {address}?",
    unsubscribe_entirely_question="Would you like no more mailings at all to {address}?",
    unsubscribe_button="Unsubscribe",
    unsubscribed_title="You are unsubscribed",
    unsubscribed="No more mails of this kind go to {address}.",
    unsubscribed_entirely="No more mailings go to {address}.",
    delay="It takes effect at once; a mail that is on its way may still arrive.",
    subscribe_hint="Was that a mistake?",
    subscribe_button="Subscribe again",
    subscribed_title="You are subscribed",
    subscribed="Mails of this kind go to {address} again.",
    unknown_title="This link leads nowhere",
    unknown="It may have been cut off in the mail. Please open it from the mail itself, or copy all of it.",
    later_title="Please try again in a moment",
    later="We cannot do this right now. Nothing has been changed.",
    message_title="Thank you",
)

GERMAN = Words(
    tag="de",
    unsubscribe_title="Abmelden",
    unsubscribe_question="Möchten Sie keine solchen E-Mails mehr an {address} erhalten?",
    unsubscribe_entirely_question="Möchten Sie gar keine Rundschreiben mehr an {address} erhalten?",
    unsubscribe_button="Abmelden",
    unsubscribed_title="Sie sind abgemeldet",
    unsubscribed="An {address} gehen keine solchen E-Mails mehr.",
    unsubscribed_entirely="An {address} gehen keine Rundschreiben mehr.",
    delay="Das gilt ab sofort; eine E-Mail, die schon unterwegs ist, kann noch eintreffen.",
    subscribe_hint="War das ein Versehen?",
    subscribe_button="Wieder anmelden",
    subscribed_title="Sie sind angemeldet",
    subscribed="An {address} gehen wieder solche E-Mails.",
    unknown_title="Dieser Link führt nirgendwohin",
    unknown="Vielleicht wurde er in der E-Mail abgeschnitten. Öffnen Sie ihn bitte aus der E-Mail selbst, "
    "oder kopieren Sie ihn ganz.",
    later_title="Bitte versuchen Sie es gleich noch einmal",
    later="Das geht gerade nicht. Es wurde nichts geändert.",
    message_title="Danke",
)

LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "de": GERMAN}
