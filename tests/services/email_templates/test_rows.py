"""Templates as rows: what is attached comes back as the parts of a mail, for mass mail and for automatic answers."""

import pytest

from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.email_templates.rows import (
    add_email_template,
    attach_file,
    detach_file,
    find_email_template,
    read_attachments,
)
from jobrunner.services.mail.composing.parts import Attachment


async def test_files_come_back_as_parts_of_a_mail_in_the_order_they_were_attached(connection):
    template = await add_email_template(connection, "Welcome", by="1", subject="Hi", body="<p>Hi</p>")
    await attach_file(connection, template, "b.pdf", b"%PDF", content_type="Application/PDF")
    await attach_file(connection, template, "a.png", b"PNG", content_type="image/png", content_id="logo@1")
    assert await read_attachments(connection, template.id) == [
        Attachment("b.pdf", b"%PDF", "application/pdf"),
        Attachment("a.png", b"PNG", "image/png", "logo@1"),
    ]
    assert await detach_file(connection, template, "b.pdf")
    assert not await detach_file(connection, template, "b.pdf")
    assert [part.name for part in await read_attachments(connection, template.id)] == ["a.png"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "42"}, "a name has 1 to 255 letters, not digits only"),
        ({"subject": "a\nb"}, "a subject is one line of at most 998 letters"),
        ({"subject": " "}, "a template needs a subject"),
        ({"body": ""}, "a template needs a body"),
        ({"body": "a\0"}, "no NUL character"),
        ({"body": "a" * 5_242_881}, "a body may have 5 MB"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(connection, values, sentence):
    given = {"name": "Welcome", "subject": "Hi", "body": "Hi"} | values
    with pytest.raises(InvalidInput, match=sentence):
        await add_email_template(connection, given.pop("name"), by="1", **given)


async def test_a_name_is_given_once_and_one_that_is_not_there_is_answered_with_the_nearest(connection):
    await add_email_template(connection, "Welcome", by="1", subject="Hi", body="Hi")
    with pytest.raises(Conflict, match="there is a template of that name already"):
        await add_email_template(connection, "Welcome", by="1", subject="Hi", body="Hi")
    with pytest.raises(NotFound, match="there is no template 'Welcom'; did you mean Welcome"):
        await find_email_template(connection, "Welcom")
