-- Notes the Message-ID of the answer to mail $1 at account $2, if it is still its sender's ($3): $4
UPDATE jobrunner.mail_follow_up AS f
SET message_id = $4::text
WHERE f.email_id = $1::bigint AND f.inbound_email_id = $2::bigint AND f.reply = 'Sending' AND f.sender_token = $3::bigint
RETURNING f.email_id
