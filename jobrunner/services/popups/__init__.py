"""Popup reminders: rows of `jobrunner.reminder` whose time shows them on the pages of their user.

They are planned like e-mail reminders (`jobrunner.plan_reminders`), which also queues a job for each one's time. The
run makes what is due visible: state Due. What a user's pages show is then what stands in the table, Due and Seen, and
nothing else; that is never sent as a message that could be lost. A trigger tells every daemon whose popups have changed
(channel `jobrunner_popup`), and a daemon that holds a page of that user reads the table and sends the page all of it
(`jobrunner.web.push`).

    Waiting -> Due -> Seen -> Dismissed | Expired         Snoozed: Waiting again, with a later `next_attempt_at`

Each transition is one statement that names the state from which it starts, and the user whose row it must be.
"""
