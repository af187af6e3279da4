"""What a reminder says, by language. English is there; another language is one more entry of `LANGUAGES`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Words:
    """The sentences of one language. In braces: `name` of the record, `user`, `when`."""

    tag: str
    """For the lang attribute."""
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    """Monday first."""
    day: str
    """A date, from `weekday`, `day`, `month`, `year`."""
    moment: str
    """A date with its time, from `day`, `time`, `zone`, `offset`."""
    all_day: str
    """Behind the date of a record that takes all day."""
    nameless: str
    """In place of a name that is empty."""
    subjects: Mapping[str, str]
    """By entity type."""
    greeting: str
    greeting_nameless: str
    ahead: Mapping[str, str]
    """The sentence before the start, by entity type."""
    past: Mapping[str, str]
    """The sentence once it has started."""
    link: str
    why: str

    def write_day(self, day: date) -> str:
        """Return a date in words."""
        return self.day.format(
            weekday=self.weekdays[day.weekday()], day=day.day, month=self.months[day.month - 1], year=day.year
        )

    def write_moment(self, local: datetime) -> str:
        """Return a moment in words, with its zone and the offset that holds then."""
        offset = local.strftime("%z")
        zone = getattr(local.tzinfo, "key", None) or str(local.tzinfo)
        return self.moment.format(
            day=self.write_day(local), time=f"{local:%H:%M}", zone=zone, offset=f"UTC{offset[:3]}:{offset[3:5]}"
        )


ENGLISH = Words(
    tag="en",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    day="{weekday}, {day} {month} {year}",
    moment="{day} at {time} ({zone}, {offset})",
    all_day="{day} (all day)",
    nameless="(no name)",
    subjects={
        "Meeting": "Reminder of a meeting: {name}",
        "Call": "Reminder of a call: {name}",
        "Task": "Reminder of a task: {name}",
    },
    greeting="Hello {user},",
    greeting_nameless="Hello,",
    ahead={
        "Meeting": "the meeting “{name}” begins on {when}.",
        "Call": "the call “{name}” begins on {when}.",
        "Task": "the task “{name}” is due on {when}.",
    },
    past={
        "Meeting": "the meeting “{name}” began on {when}.",
        "Call": "the call “{name}” began on {when}.",
        "Task": "the task “{name}” was due on {when}.",
    },
    link="Open it:",
    why="You are reminded because you take part in it or it is assigned to you.",
)

LANGUAGES: Mapping[str, Words] = {"en": ENGLISH}
