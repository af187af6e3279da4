"""Fills the templates of a mailing for many mails at once; the sandbox runs only where a template has blocks."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from jobrunner.services.mail.templates.context import context
from jobrunner.services.mail.templates.errors import RenderingFailed
from jobrunner.services.mail.templates.sandbox import DEFAULT, Limits, Sandbox
from jobrunner.services.mail.templates.template import Template
from jobrunner.services.mail.templates.values import Values

Filled = tuple[tuple[str, ...], ...]
"""For each template, in order, the text of each of its slots (see `Template.join`)."""


class Renderer:
    """The templates of one mailing (subject, HTML, plain part). `async with` it; used by one task at a time."""

    def __init__(self, templates: Sequence[Template], limits: Limits = DEFAULT) -> None:
        self.templates = tuple(templates)
        self._blocks = [block for template in templates for block in template.blocks]
        self._allowed: dict[str, set[str]] = {}
        for template in templates:
            for record, fields in template.allowed.items():
                self._allowed.setdefault(record, set()).update(fields)
        self.sandbox = Sandbox(self._blocks, limits)

    async def __aenter__(self) -> Self:
        """Compile the blocks; raises InvalidTemplate where one is refused."""
        if self._blocks:
            await self.sandbox.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.sandbox.close()

    async def fill(self, batch: Sequence[Values]) -> list[Filled | RenderingFailed]:
        """Return what each mail says, or why it could not be written; one failure does not touch the others.

        Raises:
            JobrunnerError: the sandbox cannot be started (again).
        """
        if not self._blocks:
            return [self._guarded(values, ()) for values in batch]
        written = await self.sandbox.write(
            [
                (
                    context(values, self._allowed),
                    [[slot.fill(values) for slot in block.slots] for block in self._blocks],
                )
                for values in batch
            ]
        )
        return [
            blocks if isinstance(blocks, RenderingFailed) else self._guarded(values, blocks)
            for values, blocks in zip(batch, written, strict=True)
        ]

    async def render(self, batch: Sequence[Values]) -> list[tuple[str, ...] | RenderingFailed]:
        """Return the whole texts, one for each template."""
        return [
            filled
            if isinstance(filled, RenderingFailed)
            else tuple(t.join(texts) for t, texts in zip(self.templates, filled, strict=True))
            for filled in await self.fill(batch)
        ]

    def _guarded(self, values: Values, blocks: Sequence[str]) -> Filled | RenderingFailed:
        try:
            filled = []
            for template in self.templates:
                own, blocks = blocks[: len(template.blocks)], blocks[len(template.blocks) :]
                filled.append(template.fill(values, own))
            return tuple(filled)
        except Exception as error:  # a value that nobody foresaw is the fault of one mail
            return RenderingFailed(f"the template could not be filled: {error}")
