"""The last net: what nobody caught becomes a line of the log, and a traceback only with JOBRUNNER_DEBUG=1.

It catches what ends a thread, what goes wrong while an object is given up, and what leaves the program's main function.
What asyncio reports (a task whose error nobody looked at, a callback that failed) comes as a record of its log anyway.
"""

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from jobrunner.unforeseen import is_debugging, sentence

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def spread() -> None:
    """Catch from now on, in the whole process."""
    sys.excepthook = _at_the_end
    threading.excepthook = _of_a_thread
    sys.unraisablehook = _of_an_object


def _at_the_end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if is_debugging():
        sys.__excepthook__(kind, error, traceback)
    elif not issubclass(kind, KeyboardInterrupt):  # whoever pressed Ctrl-C knows
        from jobrunner.cli import complain

        complain(sentence(error))


def _of_a_thread(event: threading.ExceptHookArgs) -> None:
    if event.exc_value is None or isinstance(event.exc_value, SystemExit):
        return
    name = event.thread.name if event.thread is not None else "of an unknown name"
    _log(f"the thread {name} has ended", event.exc_value)


def _of_an_object(event: "UnraisableHookArgs") -> None:
    if event.exc_value is None:
        return
    try:
        _log(f"{event.err_msg or 'not handled'}, at the end of {_name(event.object)}", event.exc_value)
    except Exception:  # the interpreter is ending, and has taken apart what a log needs
        if is_debugging():
            sys.__unraisablehook__(event)


def _log(what: str, error: BaseException) -> None:
    import logging

    from jobrunner.cli.logging_setup import calm_last_resort

    calm_last_resort()
    logging.getLogger("jobrunner").error("%s", what, exc_info=error)


def _name(thing: object) -> str:
    name = getattr(thing, "__qualname__", None)
    return name if isinstance(name, str) else f"a {type(thing).__qualname__}"
