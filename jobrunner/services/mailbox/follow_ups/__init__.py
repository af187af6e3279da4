"""What follows from a mail that came to a group account: its case, and whether it is answered.

**Durable.** The import writes a row of `mail_follow_up` for each mail and account, and enqueues a job `FollowUpMail`,
in its own transaction (`enqueue`). So what follows happens if and only if the mail is there; a step that fails is
tried again by its job and costs no mail. What an account does with its mail (`create_case`, `reply`) is read when the
job runs.

**Once.** `step` does all of it in one transaction that ends with `done_at`, under a lock on the row: a case, the
mail's place in it, who is told, and the decision whether the mail is answered, with the answer counted. Killed at any
moment, either all of that happened or nothing. The answer is sent by another job (`replies`), since it waits for mail
servers.

**Told.** The import also notifies those who have a mail now and had it not before (`telling`), of any account and in
its own transaction: whoever has the mail was told, once. What was not mailed yet goes into the case with the mail.
"""
