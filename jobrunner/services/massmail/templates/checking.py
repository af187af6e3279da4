"""Whether a template can be sent at all: compiled as it will be, before a mail goes to anybody."""

from jobrunner.services.email_templates.rows import EmailTemplate
from jobrunner.services.mail.templates import MASS_MAIL, Renderer, compile_template, complete
from jobrunner.services.massmail.fields import ALLOWED


async def check_template(template: EmailTemplate) -> None:
    """See that subject, HTML and text compile, blocks as well; those are compiled in the sandbox.

    Raises:
        InvalidTemplate: one is refused: says which, the line where it can, and why.
        JobrunnerError: the sandbox cannot be started.
    """
    html, text = complete(
        template.body if template.is_html else None,
        template.plain_body if template.is_html else template.body,
        opt_out=False,
        pixel=False,
    )
    parts = [compile_template(template.subject, "subject", ALLOWED, MASS_MAIL)]
    if html is not None:
        parts.append(compile_template(html, "html", ALLOWED, MASS_MAIL))
    async with Renderer([*parts, compile_template(text, "text", ALLOWED, MASS_MAIL)]):
        pass
