"""Templates of mass e-mails as rows: subject, HTML or text, attachments. What placeholders mean is not known here."""
