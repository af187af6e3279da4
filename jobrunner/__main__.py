"""The door of the process: `jobrunner`, and the same as `python -m jobrunner`."""

import signal


def main() -> None:
    """Load the command line and run it; Ctrl-C while it is still loading ends the process at once and in silence."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background shell has it ignored: so it stays
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jobrunner import cli

    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
