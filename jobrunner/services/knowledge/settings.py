"""The administrator's settings of the knowledge base."""

from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group

KNOWLEDGE_BASE = SettingGroup(
    "Knowledge base",
    (
        Setting(
            "kb_active_statuses",
            "KB Active Statuses",
            "words",
            ("Published",),
            "The statuses of articles that are archived when they have expired.",
            choices=("Draft", "In Review", "Published"),
        ),
        Setting(
            "kb_publish_from",
            "KB Publish From",
            "words",
            ("In Review",),
            "The statuses of articles that are published on their day, if they are approved; with none, none is.",
            choices=("In Review",),
        ),
        Setting(
            "kb_expire_on",
            "KB Expire On",
            "choice",
            "start_of_day",
            "Whether an article is shown until its day of expiration begins, or to the end of that day.",
            choices=("start_of_day", "end_of_day"),
        ),
    ),
)
"""The group as the settings list shows it."""


@dataclass(frozen=True, slots=True)
class KnowledgeSettings:
    """The settings of the knowledge base at one moment. Made with no arguments, it holds the defaults."""

    kb_active_statuses: tuple[str, ...] = ("Published",)
    kb_publish_from: tuple[str, ...] = ("In Review",)
    kb_expire_on: str = "start_of_day"


async def load_knowledge_settings(connection: Queryable) -> KnowledgeSettings:
    """Read the settings of the knowledge base."""
    return await load_group(connection, KNOWLEDGE_BASE, KnowledgeSettings)
