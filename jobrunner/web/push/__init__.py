"""Popups on pages: what a page of the application is connected to, over a WebSocket or server-sent events.

What a page gets is always all that it is to show, never a change: at its connect, after each hint that something of its
user has changed, and with every heartbeat. So no message can be lost; there is nothing to resume, and no queue to
overflow: a page that reads slowly gets the newest state when it reads again, and is cut when it does not.

    hub      reads for all users who have a page here; told by NOTIFY, else every heartbeat (each second while deaf)
    viewer   one connection of one page: what it is to show next
    socket   the WebSocket       stream   the server-sent events, and the POST for what a user does there
    tokens   who a page is for   origins  whose pages may

A token is good for a minute and to connect with. The connection ends after `push_session`, and the page comes again
with a new token of the application, which thereby decides who may go on. Tokens are never in a URL, and never logged.
"""
