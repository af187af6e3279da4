"""Teams and their members: who gets the mail of group accounts, and among whom cases are shared."""
