"""Articles of the knowledge base: published and archived on their day, in the zone of the installation.

A run looks what day it is there, archives what has expired, then publishes what has been approved and has its day. Both
go by `jobrunner.change_articles()` in SQL: status, line of the history and events of webhooks in one transaction, under
the row's lock and only if the status is still the one that was seen; so repeating is harmless, and who edits at the
same time is neither overwritten nor waited for.

The schedule is daily. Whoever saves an article has a job queued for the midnight of its days as well (a trigger), and
each run queues the next one: so an article is published as its day begins. One that somebody held just then is
looked at again some seconds later, until it is free.
"""
