"""Jobs about a numbered record say what they need, before they touch anything."""

import logging
from typing import Any

import pytest

from jobrunner.definitions import Target
from jobrunner.errors import InvalidInput
from jobrunner.jobs.check_inbound_emails import check_inbound_emails
from jobrunner.jobs.send_auto_replies import send_auto_replies
from jobrunner.jobs.store_sent_emails import store_sent_emails


class Context:
    """A JobContext that can do nothing."""

    def __init__(self, name: str, target: Target | None) -> None:
        self.name = name
        self.target = target
        self.log = logging.getLogger("jobrunner.job")
        self.job_id, self.attempt, self.configuration, self.connection = 1, 1, None, None


@pytest.mark.parametrize("id", [None, "", "x", "-1", "٣", "1.5"])
@pytest.mark.parametrize("run", [check_inbound_emails, send_auto_replies, store_sent_emails])
async def test_a_target_that_is_no_number_is_refused(run: Any, id: str | None):
    with pytest.raises(InvalidInput, match=r"^Job needs an? (group )?account: "):
        await run(Context("Job", Target("EmailAccount", id)))


@pytest.mark.parametrize("target", [None, Target(None, "1"), Target("Case", "1")])
async def test_a_sent_folder_is_that_of_an_account(target: Target | None):
    with pytest.raises(InvalidInput, match="--target-type EmailAccount or InboundEmail"):
        await store_sent_emails(Context("StoreSentEmails", target))
