"""Blocking jobs for the tests of the process slots; the slots' processes import this module by name."""

import ctypes
import datetime
import logging
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from jobrunner.definitions import JobContext, job
from jobrunner.errors import InvalidInput


def add(a, b):
    return a + b


def echo(value):
    return value


def nothing():
    pass


def refused():
    raise InvalidInput("the moon is no place to send mail to; take one on earth")


def where():
    return {"pid": os.getpid(), "group": os.getpgrp(), "threads": threading.active_count(), "folder": os.getcwd()}


def wander(folder):
    os.chdir(folder)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    logging.getLogger().handlers.clear()


@job("SlotDefined")
def defined(ctx: JobContext, when: datetime.datetime, times: int = 2) -> str:
    return f"{when.year} {times} {type(when).__name__}"


def told(ctx, extra=None):
    ctx.more()
    return {
        "job_id": ctx.job_id,
        "name": ctx.name,
        "attempt": ctx.attempt,
        "max_attempts": ctx.max_attempts,
        "target": [ctx.target.type, ctx.target.id],
        "target_type": ctx.target_type,
        "target_id": ctx.target_id,
        "data": ctx.data,
        "firing": ctx.firing.isoformat(),
        "cancelled": ctx.cancelled,
        "extra": extra,
    }


def wants_connection(ctx):
    with ctx.connection():
        pass


async def is_async():
    pass


# Errors and results


class Quarrelsome(Exception):
    """Cannot be unpickled, as most exceptions of several arguments."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def quarrel():
    raise Quarrelsome("one", "other")


def speechless():
    raise Speechless


def raise_unpicklable():
    error = ValueError("holds a lock")
    error.lock = threading.Lock()
    raise error


def fail_loudly(size):
    def recurse(depth):
        if depth == 0:
            raise ValueError("x" * size + "END")
        recurse(depth - 1)

    recurse(5)


def leave_interpreter():
    sys.exit(3)


def return_object():
    return threading.Lock()


def return_large(size):
    return "x" * size


def return_deep(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def return_odd(kind):
    return {
        "nan": float("nan"),
        "nul": ["a\0b", "a\\u0000b", "\\\0"],
        "surrogate": "a\ud800b",
        "integer": 10**5000,
        "set": {1},
        "keys": {1: "one", None: "none"},
    }[kind]


# Ways to die


def segfault(words=""):
    if words:
        print(words)
        os.write(2, b"raw " + words.encode() + b"\n")
    ctypes.string_at(0)


def leave(code):
    os._exit(code)


def exhaust_memory():
    resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
    hoard = []
    while True:
        hoard.append(bytearray(16 << 20))


def killed_by_the_system():
    """What the kernel does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave_family_behind(file):
    """Die, while a child in the group, one outside it and an orphan outside it live on."""
    start_family(file)
    os._exit(1)


# Ways to go on for ever


def begun(ctx):
    ctx.progress(0.5, str(os.getpid()))


def sleep_for_ever(ctx):
    begun(ctx)
    time.sleep(1000)


def stuck_in_c(ctx):
    """A catastrophic regular expression: holds the interpreter lock for years."""
    begun(ctx)
    re.match(r"(a+)+$", "a" * 64 + "b")


def start_family(file):
    children = [
        subprocess.Popen(["sleep", "1000"]),
        subprocess.Popen(["sleep", "1000"], start_new_session=True),
        subprocess.Popen(["sh", "-c", "trap '' HUP TERM; sleep 1000 & wait"]),
    ]
    start_orphan = (
        "import subprocess as s; "
        "print(s.Popen(['sleep', '1000'], start_new_session=True, stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
    )
    orphan = subprocess.run([sys.executable, "-c", start_orphan], capture_output=True, check=True, text=True)
    Path(file).write_text(" ".join(map(str, [*(child.pid for child in children), int(orphan.stdout)])))


def wait_for_family(ctx, file):
    start_family(file)
    begun(ctx)
    signal.pause()


def hide(ctx, file):
    """Take every care not to be found."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path(file).write_text(str(os.getpid()))
            time.sleep(1000)
        time.sleep(1000)
    while not Path(file).exists() or not Path(file).read_text():
        time.sleep(0.01)
    begun(ctx)
    time.sleep(1000)


def leave_hidden_behind(ctx, file):
    """Die, while a process that was only forked, and has lost its parent, lives on in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path(file).write_text(str(os.getpid()))
            time.sleep(1000)
        os._exit(0)
    os.wait()
    while not Path(file).exists() or not Path(file).read_text():
        time.sleep(0.01)
    os._exit(1)


def leave_a_child(file):
    child = subprocess.Popen(["sleep", "1000"])
    Path(file).write_text(str(child.pid))
    return "done"


# What it says


def speak(ctx):
    print("printed")
    print("on two", "\nlines", end="")
    print("\r10 %\r20 %")
    print("to stderr", file=sys.stderr)
    sys.stdout.buffer.write("bytes ü\n".encode())
    ctx.log.warning("logged %d", 7)
    logging.getLogger("library").info("a library's")
    logging.getLogger("library").debug("not wanted")
    try:
        raise ValueError("handled")
    except ValueError:
        ctx.log.exception("with traceback")
    ctx.log.info("%d and %d", 1)  # too few arguments: reported, and the job goes on
    print("left open", end="")


def speak_from_outside():
    subprocess.run(["sh", "-c", "echo from a program; echo to its stderr >&2"], check=True)
    os.write(1, b"raw\n")
    print("plain", file=sys.__stdout__)
    if (pid := os.fork()) == 0:
        print("from a fork")
        logging.getLogger("fork").warning("logged in a fork")
        os._exit(0)
    os.waitpid(pid, 0)


def print_lines(count):
    for number in range(count):
        print("line", number)


def print_for_ever(ctx):
    begun(ctx)
    number = 0
    while True:
        print("line", number, "x" * 100)
        number += 1


def output_for_ever(ctx):
    begun(ctx)
    subprocess.run(["yes", "a line from outside"], check=True)


def print_without_break(size):
    print("x" * size)


def progress(ctx, count):
    for number in range(count):
        ctx.progress(number / count, f"step {number}")
    ctx.progress(1)


def idle(ctx):
    ctx.nothing_to_do()


def odd_progress(ctx):
    for share in (1.5, float("inf"), -1):
        ctx.progress(share)
    ctx.progress(float("nan"), "at last")


# What it has


def descriptors():
    """All descriptors, and those that a program gets which is started without care."""
    own = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if is_open(int(fd))}
    listing = subprocess.run(
        ["ls", "-l", "/proc/self/fd"], close_fds=False, stdout=subprocess.PIPE, check=True, text=True
    )
    sockets = []
    for fd in own:
        try:
            with socket.socket(fileno=os.dup(int(fd))):
                sockets.append(fd)
        except OSError:
            pass
    return {"own": own, "inherited": re.findall(r" (\d+) -> ", listing.stdout), "sockets": sockets}


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def ignores_interrupt(ctx, file):
    begun(ctx)
    while not Path(file).exists():
        time.sleep(0.01)
    return "still here"


def wait_for_file(ctx, file):
    begun(ctx)
    while not Path(file).exists():
        time.sleep(0.01)
    return os.getpid()
