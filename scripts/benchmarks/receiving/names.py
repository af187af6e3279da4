"""How the systems are called in the rows."""

OURS = "jobrunner"
DOWNLOAD = "imaplib, downloads only"
PARSE = "imaplib and email"
