"""Pages for those who got a mail: to unsubscribe, to be led on from a tracked link, and the image of one pixel.

GET and HEAD change nothing, whoever sends them: scanners of mail follow every link. Nobody is asked to log in, no page
has a script, a cookie, or anything from elsewhere, and none tells more about the recipient than the mail has told. A
link that we did not sign is answered as one that leads nowhere. What a link does is said in the database alone, so that
no address given from outside is ever followed or shown.
"""
