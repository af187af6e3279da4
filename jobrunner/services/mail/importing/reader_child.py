"""The process in which messages are taken apart: it has nothing but the folder in which it puts their files.

A stranger writes what is read here. Memory is limited by the kernel; the time of each message by two timers whose
signals end the process, whatever it does. It answers each request with a pickle of our own classes; requests are a line
of JSON, and where that says so octets behind it.
"""

import json
import mmap
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from jobrunner.services.mail.importing.parsing import ParsedAttachment, ParsedMail, parse, parse_as_file
from jobrunner.services.mail.importing.parsing.entity import Source
from jobrunner.services.mail.importing.parsing.parse import placed
from jobrunner.services.mail.importing.staging import stage

FILE_LIMIT = 1024 * 1024 * 1024
DESCRIPTORS = 64


def answer(request: dict[str, Any], content: bytes, root: Path) -> Any:
    """Do what a request asks: the result, or why there is none as (kind, sentence)."""
    try:
        if request["do"] == "clean":
            return _clean(request)
        if "path" in request:
            return _read_file(request, root)
        return _read(request, content, root)
    except MemoryError:
        return "memory", "it takes more memory than it may"
    except RecursionError:
        return "fault", "it is nested too deeply"
    except OSError as error:
        return "storage", f"{error.strerror or error}: {error.filename or root}"


def _read_file(request: dict[str, Any], root: Path) -> ParsedMail:
    with open(request["path"], "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return _read(request, b"", root)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _read(request, content, root)


def _read(request: dict[str, Any], source: Source, root: Path) -> ParsedMail:
    def keep(attachment: ParsedAttachment, content: Source) -> ParsedAttachment:
        name, size, sha256 = stage(root, content)
        return placed(attachment, size=size, sha256=sha256, staged=name)

    if request["do"] == "keep":
        return parse_as_file(source, request["reason"], keep=keep)
    return parse(source, keep=keep)


def _clean(request: dict[str, Any]) -> Any:
    from jobrunner.services.mail.importing.html import clean_html

    return clean_html(request["html"], request["cid_map"], remote_images=request["remote_images"])


def confine(memory: int) -> None:
    """Give up what a message has no business with. Limits hold for good: they cannot be raised again."""
    import resource

    limits = {"AS": memory, "CORE": 0, "FSIZE": FILE_LIMIT, "NPROC": 0, "NOFILE": DESCRIPTORS}
    for name, most in limits.items():
        if (limit := getattr(resource, f"RLIMIT_{name}", None)) is not None:
            try:
                resource.setrlimit(limit, (most, most))
            except (ValueError, OSError):
                pass  # macOS takes no RLIMIT_AS; time is limited there all the same


def serve(requests: BinaryIO, answers: BinaryIO, root: Path, cpu: float, wall: float) -> None:
    """Answer until the other side hangs up."""
    for line in requests:
        request = json.loads(line)
        content = requests.read(request.get("octets", 0))
        signal.setitimer(signal.ITIMER_PROF, cpu)
        signal.setitimer(signal.ITIMER_REAL, wall)
        result = answer(request, content, root)
        del content
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        encoded = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        answers.write(len(encoded).to_bytes(8, "big") + encoded)
        answers.flush()


def main() -> None:
    """Run as a program: options as JSON in the first argument."""
    options = json.loads(sys.argv[1])
    confine(options["memory"])
    serve(sys.stdin.buffer, sys.stdout.buffer, Path(options["root"]), options["cpu"], options["wall"])


if __name__ == "__main__":
    main()
