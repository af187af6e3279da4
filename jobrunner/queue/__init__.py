"""The durable queue: a part per file, its SQL beside it.

**Where a job stands.** `job` holds what waits or runs, and stays small. Whatever ends moves to `job_history` in the
statement that ends it: by day, Failed apart, so that retention is dropping a table, and a claim costs the same with a
million finished jobs. `attempt` notes attempts that ended while their job went on.

**A claim is a row** whose id is drawn by the daemon and is the token of every later write about its jobs. It carries
the lease; one write of the heartbeat renews all claims of a daemon. Running jobs are found through the claims, so no
index holds what a claim changes, and claiming is a HOT update. Whoever lost its claim (killed, frozen, cut off) finds
no row when it writes: it is fenced, and the one that took over is not disturbed.

**What is not ready is not walked over.** `hold` says why a Pending job is not ready: its time has not come (Time), it
waits for its next attempt (Retry), or another job of its group is open (Group). Only rows without a hold stand in the
index that a claim reads. `jobrunner.look` lets go what is due and sorts jobs into their groups; a unique index refuses
a second open job of a group, so that "one after another" does not rest on the code being right.

**NOTIFY is a hint.** It takes a lock of the whole cluster at commit, so an enqueue notifies only when a daemon has said
that it sleeps; how a daemon falls asleep without missing one is told in `jobrunner.execution.claimer`.

    enqueue ─▶ Pending ─claim─▶ Running ─finish─▶ Success
                 ▲  │              │ ├──────────▶ Failed      (no attempt left, deadline, bad data)
                 │  └─cancel─▶ Cancelled ◀────────┤           (asked to stop while it ran)
                 └── error, lost lease, stopped ──┘
    retry: Failed or Cancelled ─▶ Pending, with the same id; Success is final
"""
