"""Sending: one run of ProcessWebhookQueue.

A run looks for new events (`watch` says when), lays them out, and leases webhooks that have something due. Each of them
has a lane, which sends one request after the other, never two at a time:

* the *feeder* fixes a few requests ahead: which deliveries go in which one, under which id. That is committed before
  the first attempt, and stays so until the batch is taken apart;
* the *lane* signs and posts, and judges the answer;
* the *ledger* stores what came of it: deliveries, the attempt, the health of the webhook. Nothing more is sent of a
  webhook before that is committed.

Feeder and ledger work for all lanes together (`gathering`): what is asked for while a statement runs goes in the next
one, so under load a commit is shared by many webhooks, and with little to do each is written at once.

So, wherever a run is killed, the requests in doubt are those under way, one of each webhook, and they go again with the
same id and body. A webhook is leased under the claim of the run's job: when that is lost, so are its leases, and
nothing need be cleaned up, for a delivery that is being sent is Pending still. A success counts whoever has the webhook
by then; a failure only while it is ours.

The statements look rows up by key and take them by place (ctid), or by lateral look-ups: they are planned once for a
session, perhaps while a table is small or nothing is Pending, and a join might then walk over all that is.
"""
