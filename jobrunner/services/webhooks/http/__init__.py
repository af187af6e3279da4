"""Posting to URLs that users gave: the client, its limits and the guard at its socket.

The guard decides in two places of the connector. The resolver drops those of a name's addresses that are denied, which
gives one clean reason when none is left. The factory of sockets has the last word: it is called with the very address,
literal or resolved, right before `connect`, so that nothing can change between the look and the connection.

Whatever a peer does ends as a `Reply`, within limits that have names: time, octets, header lines, connections. The
status of an answer counts as soon as its head has come; the body is only kept for a person to look at.
"""
