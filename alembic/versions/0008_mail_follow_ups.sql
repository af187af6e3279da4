-- What follows an incoming mail: cases, automatic answers, bounces; mails kept in the Sent folder.
SELECT 1;
