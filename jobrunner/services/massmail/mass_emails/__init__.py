"""Mass e-mails: their rows, their states, how their queue is built, and its items.

```
            start           build                        nothing left
    Draft ────────► Pending ──────► In Process ─────────────────────────► Complete
                      │ ▲              │ ▲
                pause ▼ │ resume pause ▼ │ resume         template gone ► Failed
                      Paused ──────────────────────────────────── abort ► Aborted
```

Complete, Failed and Aborted ones may be started again: for the rest, or as a new generation for everybody.
"""
