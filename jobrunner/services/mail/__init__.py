"""Mail as such, for all services that send or read it: what to send and to whom is theirs.

* out: `composing` writes a message, `templates` fills it, `smtp` hands it over, `accounts` are those it goes by, with
  their rates and pauses; `delivery`, `settling` and `patience` are what runs that send have in common.
* in: `imap` fetches, `importing` takes apart and stores. The accounts that are read are `services.mailbox.accounts`.
"""
