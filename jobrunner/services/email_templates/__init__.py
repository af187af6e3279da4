"""Templates of mails as rows: subject, text, attachments. What placeholders mean is known to what makes the mails."""
