"""Composing of messages: header fields, bodies, and the two of them as bytes.

The writer is our own, since the email package folds where it must not (a long URL in a header becomes encoded-words,
an address in another alphabet too), lets NUL into a subject, and takes 2 ms for a message. What it writes is 7-bit but
for addresses that need SMTPUTF8, has CRLF line ends only, and no line over 998 octets. In tests the email package
reads every message back.
"""
