"""Articles of the knowledge base: adding, listing, changing, removing, their status and its history."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, NotFound
from jobrunner.services.records.refusal import refusals_in_words

ArticleStatus = Literal["Draft", "In Review", "Published", "Archived"]
STATUSES: tuple[ArticleStatus, ...] = ("Draft", "In Review", "Published", "Archived")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleEntry:
    """What one gives of an article; its dates are days where the installation is."""

    name: str
    status: str = "Draft"
    """When it is added; later `change_article` changes it."""
    approved: bool = False
    """It may be published on its day."""
    language: str | None = None
    type: str = "Article"
    publish_date: date | None = None
    expiration_date: date | None = None
    position: int = 0
    """Where it stands among others."""
    categories: Sequence[str] = ()
    portals: Sequence[str] = ()
    description: str | None = None
    body: str = ""
    """HTML."""
    assigned_user_id: str | None = None

    def as_json(self) -> str:
        """Return the values as the statements take them."""
        values = {name: getattr(self, name) for name in ArticleEntry.__dataclass_fields__}
        lists = {"categories": list(self.categories), "portals": list(self.portals)}
        return json.dumps(values | lists, default=lambda day: day.isoformat())


@dataclass(frozen=True, slots=True, kw_only=True)
class Article(ArticleEntry):
    """An article as it stands."""

    id: str
    version: int
    """Counts changes."""
    deleted: bool = False
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ArticleChange:
    """One line of an article's history."""

    old_status: str | None
    """None where it was added."""
    new_status: str
    changed_at: datetime
    changed_by: str
    reason: str = field(default="")


async def add_article(connection: Queryable, entry: ArticleEntry, by: str, *, id: str | None = None) -> Article:
    """Add an article and return it; `id` is a text of the caller's own.

    Raises:
        InvalidInput: a value is refused (it expires before it is published, say).
        Conflict: the id is taken.
    """
    with refusals_in_words():
        (row,) = await connection.fetch(load(__package__, "add_article"), id, entry.as_json(), by)
    return await get_article(connection, row["id"])


async def edit_article(connection: Queryable, article: Article, by: str, **changes: Any) -> Article:
    """Change an article that was read before, and return it; what is not named stays.

    Raises:
        InvalidInput: a value is refused.
        Conflict: somebody has changed or removed it meanwhile.
    """
    entry = replace(article, **changes)
    with refusals_in_words():
        rows = await connection.fetch(
            load(__package__, "edit_article"), article.id, article.version, entry.as_json(), by
        )
    if not rows:
        raise Conflict(f"the article {article.id} was changed by somebody else meanwhile: look at it, and do it again")
    return await get_article(connection, article.id)


async def change_article(
    connection: Queryable, id: str, status: ArticleStatus, by: str, reason: str = ""
) -> tuple[Article, bool]:
    """Give an article another status; return it, and whether it had another one before.

    Raises:
        NotFound: there is none.
    """
    rows = await connection.fetch(load(__package__, "change_article"), id, status, by, reason)
    return await get_article(connection, id), bool(rows)


async def remove_article(connection: Queryable, id: str, by: str) -> Article:
    """Mark an article as deleted, and return it; the job Cleanup removes it for good. Raises NotFound."""
    await connection.fetch(load(__package__, "remove_article"), id, True, by)
    return await get_article(connection, id, deleted=True)


async def restore_article(connection: Queryable, id: str, by: str) -> Article:
    """Take a deletion back, and return the article. Raises NotFound."""
    await connection.fetch(load(__package__, "remove_article"), id, False, by)
    return await get_article(connection, id)


async def get_article(connection: Queryable, id: str, *, deleted: bool = False) -> Article:
    """Return an article with its body; raises NotFound where there is none."""
    rows = await connection.fetch(load(__package__, "list_articles"), id, None, deleted)
    if not rows:
        raise NotFound(f"there is no article {id[:100]!r}; `jobrunner article list` shows all")
    return Article(**dict(rows[0]))


async def list_articles(
    connection: Queryable, *, status: ArticleStatus | None = None, deleted: bool = False
) -> list[Article]:
    """Return articles in the order in which they are shown, without their bodies."""
    rows = await connection.fetch(load(__package__, "list_articles"), None, status, deleted)
    return [Article(**dict(row)) for row in rows]


async def list_article_history(connection: Queryable, id: str) -> list[ArticleChange]:
    """Return how the status of an article has changed, the oldest first."""
    rows = await connection.fetch(load(__package__, "list_article_history"), id)
    return [ArticleChange(**dict(row)) for row in rows]
