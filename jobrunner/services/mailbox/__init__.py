"""Mail in: what the accounts that are read (`email_account`, `inbound_email`) and the mail service have in common.

`accounts` loads them with their secrets and keeps what becomes of them; `fetching` is one run for one account: new
messages become mails, once and in order, whatever breaks off.

**Once.** What was fetched is imported with the checkpoint of its folder in one transaction (see
`mail.importing.storing`). So a run that ends at any moment leaves a folder as if it had ended at the last commit, and
two runs for one account at the same time, which the group of its jobs prevents, would only do the same work twice.

**Held back.** An account that cannot be read waits: 1, 2, 5, 10, 20, 30 minutes for what the network causes, 5, 15, 60
for a login that is refused, and then it is paused, for servers lock accounts. The reason, the server's words and the
next try stand in `mail_account_state`. Each account has a job of its own, so nobody waits for another one's server.
"""
