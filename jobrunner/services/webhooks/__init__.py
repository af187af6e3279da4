"""Webhooks: other programs are told of events.

An application emits an event in its own transaction (`jobrunner.emit`, `Client.emit`); where nobody listens nothing is
written. A run of ProcessWebhookQueue (`sending`) lays each event out, one delivery for each webhook that listens, and
sends what is due. `table` has the webhooks and their secrets, `deliveries` what became of events and how to send them
once more, `trial` the test of one, `troubles` what `jobrunner status` says. Signatures (`signatures`), the client
(`http`) and what answers mean (`answers`) know nothing of the database.

A delivery is known by its webhook and the number of its event; its data is read through the event. What may be retried,
disabled or replayed, and what receivers see, stands in docs/webhooks.md.
"""
