"""The door of the process: `jobrunner`, and the same as `python -m jobrunner`."""

import os
import signal
import sys


def main() -> None:
    """Load the command line and run it; Ctrl-C while it is still loading ends the process at once and in silence."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background shell has it ignored: so it stays
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    open_closed_descriptors()
    from jobrunner import cli
    from jobrunner.cli import last_net, left_threads

    last_net.spread()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else code
        raise
    finally:
        left_threads.end_without_them(code)


def open_closed_descriptors() -> None:
    """Put /dev/null where standard input, output or error was closed (`>&-`), before a socket gets that number.

    Reading from what was closed stays an error, and so does writing results; log lines go nowhere.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, flags)  # the lowest number that is free, which is this one
            os.set_inheritable(nowhere, True)
    # Python leaves None where a descriptor was closed when it started.
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", buffering=1, closefd=False)


if __name__ == "__main__":
    main()
