"""Filters as people enter them: checked, stored, listed. `mail.importing.storing.filters` does what they say."""
