"""Runs claimed jobs: coroutines on the daemon's event loop, blocking functions in process slots.

The process slots
=================
A blocking job (`def`) may hold the interpreter, leak, crash, or never end, so it runs in another process,
and there is only one way to stop it for certain: to kill that process. Everything here follows from this.

* **One slot, one process, one executor** (`slot`). `concurrent.futures` fails every call of a pool when one of its
  processes dies, and cannot stop a call that runs. With one process per executor a kill concerns one job; the slot is
  closed, and `slots` opens another (15 ms), so a job never gets a process in which another one was stopped. A process
  that ended well is used again, for as long as it lives.
* **Never forked from the daemon** (`forkserver`), which has threads, locks and connections: processes come from a fork
  server, a fresh interpreter that has imported ahead what every job needs. It is our own and not the one that
  `multiprocessing` shares, so it can be stopped, and children do not run the daemon's main module once more.
* **Nothing outlives its owner.** Whatever a job starts is a descendant of the slot's process, in its process group
  unless it left that. A kill (`processes`) stops the tree from the top down until it has stopped growing, then kills
  it. Orphans fall to the fork server (`guard`: a child subreaper), where they are known by a mark in their environment.
  If the daemon itself is killed, two things happen, each by itself: the fork server reads the end of a pipe, ends, and
  kills all its descendants; and the kernel kills each slot's group, since the slot asked for SIGKILL when the daemon's
  end of its own pipe closes (`child`), which needs no cooperation of a process that is stuck in C code. Measured: 20
  to 70 ms from `kill -9` of the daemon until everything is gone.
* **Only bytes cross the border** (`child`): the call and its answer are JSON. A result or an exception that does not
  unpickle would break the pool, so a result must be JSON, and an error travels as text; both have limits (`outcome`).
* **A log that cannot flood** (`capture`, `output`, `loglines`). Lines travel at once, on a pipe that is never waited
  for; beyond a hundred in a tenth of a second they go in batches, and of a run's lines the oldest and the newest
  thousand are kept. What comes from outside Python (programs, C libraries) is read from descriptors 1 and 2, at a
  limited rate. What a process had said before it died is still in the pipes: last words are not lost.
* **A dead job says where it was.** Before a job past its deadline is killed, a signal makes faulthandler write down its
  stack, which works without the interpreter lock; a crash writes the same. It is the result's traceback.

A job ends as `success`, `error` (it raised), `timeout` (killed at its deadline) or `died` (its process ended by
itself). A job whose process was lost before the job had begun is none of these: it begins again in another slot.

Limits of this: a process in uninterruptible sleep (a dead network disk) is not killed by anything; its slot is replaced
all the same. Without Linux's /proc, subreaper and signals on pipes (macOS), a kill reaches the process and its group
only, and a stuck process outlives a killed daemon. On Windows there are no slots (`slots.SUPPORTED`).
"""
