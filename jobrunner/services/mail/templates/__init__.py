"""Templates of mails: placeholders, filled in one pass, and blocks, written in a sandbox.

A template is compiled once into fixed pieces and slots. A slot's value is put between the pieces, escaped for its
place, and never looked at again: a contact whose name is `{{7*7}}`, `{User.name}` or `<script>` is greeted by just
that. Fields come from an allow-list for each kind of record; what is not on it stays as written, for the author to see.

Where both brace pairs of a block occur (`{{…}}`, `{%…%}`), the stretch from the first block to the last is Jinja2, and
what stands around it stays fixed pieces. Jinja2's sandbox bounds neither time nor memory, and it has had holes; so such
a stretch is compiled and run only in a process of its own (`sandbox`, `sandbox_child`), which knows plain data, has no
descriptor or secret of ours, and which the kernel ends when a mail takes too much. Then that mail fails, with one
sentence, and the others go on. Placeholders inside the stretch reach it as data, too.
"""

from jobrunner.services.mail.templates.additions import complete
from jobrunner.services.mail.templates.answers import ANSWERED
from jobrunner.services.mail.templates.errors import InvalidTemplate, RenderingFailed
from jobrunner.services.mail.templates.person import PERSON
from jobrunner.services.mail.templates.plain import plain_text
from jobrunner.services.mail.templates.renderer import Filled, Renderer
from jobrunner.services.mail.templates.sandbox import Limits
from jobrunner.services.mail.templates.slots import Kind
from jobrunner.services.mail.templates.template import MASS_MAIL, Allowed, Template, compile_template
from jobrunner.services.mail.templates.values import Values

__all__ = [
    "ANSWERED",
    "MASS_MAIL",
    "PERSON",
    "Allowed",
    "Filled",
    "InvalidTemplate",
    "Kind",
    "Limits",
    "Renderer",
    "RenderingFailed",
    "Template",
    "Values",
    "compile_template",
    "complete",
    "plain_text",
]
