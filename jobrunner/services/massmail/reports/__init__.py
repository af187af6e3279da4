"""Reports about mails of mailings: bounces, complaints, and mails that unsubscribe.

They arrive at a group account. Its import asks (`claimant`), before anything else, whether a message speaks of an item
of the queue; then it is no mail to anybody: a row of `mailing_report` is written in its place, in the transaction of
the import, and a job `SettleMailingReport` is enqueued. That writes it to item, log and address, once (`settling`).

**By what an item is found** (`evidence`), in this order:

1. a signed token in the address that the report came to (VERP), or in the address or subject of a mail that
   unsubscribes;
2. the name of the envelope, which is the item's token: 122 random bits that only who got the mail can know;
3. the returned header: the Message-ID, which has the token in it, and beside it the X-Queue-Item-Id, if it is there;
   or the X-Queue-Item-Id alone, with the item's address among those that failed, since numbers can be guessed;
4. that Message-ID among the references of a report in text, with the item's address among those that failed.

What is found is never another address than the item's own, whatever the report names.

**What it means.** Hard: there is no such mailbox, the address gets no mass mail any more. Soft: not now; the third
within 14 days without a sign of life is hard. Policy is about the mail or its sender, and says nothing about the
address. A complaint, and a mail to the address of List-Unsubscribe, unsubscribe as the link does.
"""
