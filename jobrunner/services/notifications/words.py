"""What the mails say, by language. Another language is one more entry of `LANGUAGES`.

In braces: `actor`, `type` and `name` of the record, `field`, `old`, `new`, `sender`, `subject`, `count`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Words:
    """The sentences of one language."""

    tag: str
    """For the lang attribute."""
    greeting: str
    greeting_nameless: str
    nameless: str
    """In place of a record's name that is empty."""
    somebody: str
    """In place of an actor's name."""
    record: str
    """A record's type and name."""
    subject: str
    """Of what happened to a record: the same each time, so that it is one thread."""
    subject_assignment: str
    subject_post: str
    """Of one post that belongs to no record."""
    subject_posts: str
    digest: str
    digest_without_record: str
    post: str
    mention: str
    status: str
    status_set: str
    """Where the old value is not known."""
    email: str
    email_nameless: str
    """Without a sender."""
    assignment: str
    link: str
    further: str
    """Of what is left out of a long mail."""
    why: str
    no_subject: str
    status_field: str
    """What a field is called that has no name."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types of records; one that is not here is called as it is."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Values of our own records' status."""


ENGLISH = Words(
    tag="en",
    greeting="Hello {name},",
    greeting_nameless="Hello,",
    nameless="(no name)",
    somebody="Somebody",
    record="{type} “{name}”",
    subject="{type}: {name}",
    subject_assignment="Assigned to you: {type} “{name}”",
    subject_post="{actor} posted",
    subject_posts="{count} new posts",
    digest="{count} new notifications: {record}",
    digest_without_record="{count} new notifications",
    post="{actor} posted:",
    mention="{actor} mentioned you:",
    status="{actor} changed {field} from “{old}” to “{new}”.",
    status_set="{actor} set {field} to “{new}”.",
    email="An e-mail from {sender} was received: “{subject}”",
    email_nameless="An e-mail was received: “{subject}”",
    assignment="{actor} assigned it to you.",
    link="Open it:",
    further="… and {count} more",
    why="You get this mail because e-mail notifications are on in your preferences.",
    no_subject="(no subject)",
    status_field="the status",
)

GERMAN = Words(
    tag="de",
    greeting="Guten Tag {name},",
    greeting_nameless="Guten Tag,",
    nameless="(ohne Namen)",
    somebody="Jemand",
    record="{type} „{name}“",
    subject="{type}: {name}",
    subject_assignment="Ihnen zugewiesen: {type} „{name}“",
    subject_post="{actor} hat etwas geschrieben",
    subject_posts="{count} neue Beiträge",
    digest="{count} neue Benachrichtigungen: {record}",
    digest_without_record="{count} neue Benachrichtigungen",
    post="{actor} schrieb:",
    mention="{actor} hat Sie erwähnt:",
    status="{actor} hat {field} von „{old}“ auf „{new}“ geändert.",
    status_set="{actor} hat {field} auf „{new}“ gesetzt.",
    email="Eine E-Mail von {sender} ist eingegangen: „{subject}“",
    email_nameless="Eine E-Mail ist eingegangen: „{subject}“",
    assignment="{actor} hat Ihnen dies zugewiesen.",
    link="Öffnen:",
    further="… und {count} weitere",
    why="Sie bekommen diese E-Mail, weil in Ihren Einstellungen Benachrichtigungen per E-Mail eingeschaltet sind.",
    no_subject="(kein Betreff)",
    status_field="den Status",
    types={
        "Account": "Firma",
        "Call": "Anruf",
        "Campaign": "Kampagne",
        "Case": "Fall",
        "Contact": "Kontakt",
        "Document": "Dokument",
        "Email": "E-Mail",
        "Lead": "Interessent",
        "Meeting": "Besprechung",
        "Opportunity": "Verkaufschance",
        "Task": "Aufgabe",
        "User": "Benutzer",
    },
    values={
        "Planned": "Geplant",
        "Held": "Durchgeführt",
        "Not Held": "Nicht durchgeführt",
        "Not Started": "Nicht begonnen",
        "Started": "Begonnen",
        "Completed": "Erledigt",
        "Canceled": "Abgesagt",
        "Deferred": "Zurückgestellt",
    },
)

LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "de": GERMAN}
