"""ControlKnowledgeBaseArticleStatus: articles are published and archived (see `jobrunner.services.knowledge`)."""

from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported


@job("ControlKnowledgeBaseArticleStatus", crontab="10 1 * * *", deadline=3600)
async def control_knowledge_base_article_status(ctx: JobContext) -> dict[str, Any]:
    """Publish and archive articles on their day. The midnight of each one's day starts it; the schedule is the net."""
    await imported("jobrunner.services.knowledge.run")
    from jobrunner.services.knowledge.run import Run

    report = await Run(ctx.connection, cancelled=lambda: ctx.cancelled, log=ctx.log).control()
    return report.as_dict()
