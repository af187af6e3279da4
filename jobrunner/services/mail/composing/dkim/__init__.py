"""Signatures of a message by its domain: DKIM (RFC 6376), by RSA and, as a second one, Ed25519 (RFC 8463).

Our own canonicalisation, since our messages have CRLF line ends only, and the RSA of `cryptography`: a library in pure
Python makes 150 signatures a second, this some thousands. In tests dkimpy verifies them.
"""
