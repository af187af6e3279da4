"""What is kept of a run: its result as JSON, its error and traceback as text, each within a named limit."""

import json
import re
import traceback
from typing import Any

from jobrunner.errors import JobrunnerError

RESULT_LIMIT = 64 * 1024
"""Bytes of JSON that are kept of a result; a larger one is replaced by a note."""
ERROR_LIMIT = 8 * 1024
"""Characters that are kept of an error's type and text."""
TRACEBACK_LIMIT = 32 * 1024
"""Characters that are kept of a traceback."""
DEPTH_LIMIT = 200
"""Lists and objects that a result may hold in one another: every reader of jsonb copes with that many."""

TOO_DEEP = f"the job's result cannot be kept as JSON: it is nested more than {DEPTH_LIMIT} deep"

# PostgreSQL holds neither: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # not one whose backslash is itself escaped
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
REPLACEMENT = "\ufffd"


def shortened(text: str, limit: int) -> str:
    """Return the text as PostgreSQL can hold it: at most `limit` characters, head and tail kept, and a note between."""
    if len(text) > limit:
        note = f"\n… {len(text) - limit:,} characters left out …\n"
        head = max(0, limit - len(note)) * 2 // 3
        tail = max(0, limit - len(note)) - head
        text = text[:head] + note + text[len(text) - tail :]
    return UNSTORABLE.sub(REPLACEMENT, text)


def result_json(value: Any) -> str:
    """Return a job's result as JSON text that fits into a jsonb column.

    A result over `RESULT_LIMIT` becomes an object with a `note` and the `beginning` of its text.

    Raises:
        ValueError: the result cannot be written as JSON; the message says why.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"the job's result cannot be kept as JSON: {error}") from None
    size = len(text.encode(errors="surrogatepass"))
    if size > RESULT_LIMIT:
        note = f"The result was {size:,} bytes of JSON; over {RESULT_LIMIT:,} only its beginning is kept."
        return json.dumps({"note": note, "beginning": _storable(text[:1000])}, ensure_ascii=False)
    if _depth(text) > DEPTH_LIMIT:
        raise ValueError(TOO_DEEP)
    return _storable(text)


def kept_result(value: Any) -> str:
    """Return what is kept of a result as JSON text: of one that cannot be written so, an object whose `note` says why.

    The job has done its work, and would do it twice if that were a failure.
    """
    try:
        return result_json(value)
    except ValueError as error:
        return json.dumps({"note": shortened(str(error), ERROR_LIMIT)}, ensure_ascii=False)


def error_text(error: BaseException) -> str:
    """Return the error's type and text, as the last line of a traceback has them; one of ours is its sentence.

    A group of one is described by that one, since its own text names no cause; a larger one names all that are in it.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be had: str() of it failed)"
    if text and isinstance(error, JobrunnerError) and kind.__module__.partition(".")[0] == "jobrunner":
        return shortened(text, ERROR_LIMIT)
    if isinstance(error, BaseExceptionGroup):
        text = f"{text}: {'; '.join(map(error_text, error.exceptions))}"
    return shortened(f"{name}: {text}" if text else name, ERROR_LIMIT)


def traceback_text(error: BaseException, *, skip: int = 0) -> str:
    """Return the traceback as text, without the `skip` outermost frames (those of the caller, not of the job)."""
    frames = error.__traceback__
    while skip > 0 and frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
        skip -= 1
    try:
        lines = traceback.format_exception(type(error), error, frames)
    except Exception:  # an error's own methods may fail in any way
        lines = [*traceback.format_tb(frames), error_text(error)]
    return shortened("".join(lines), TRACEBACK_LIMIT)


def _storable(text: str) -> str:
    if "\\u0000" in text:
        text = ESCAPED_NUL.sub(rf"\1{REPLACEMENT}", text)
    return UNSTORABLE.sub(REPLACEMENT, text)


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return 0
    depth = deepest = 0
    for character in STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest
