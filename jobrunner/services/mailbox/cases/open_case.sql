-- Opens a case: $1 name, $2 description, $3 assignee, $4 group account, $5 mail, $6 account, $7 contact, $8 lead, $9 team.
WITH opened AS (
    INSERT INTO jobrunner.case_record AS c (
        name, description, status, assigned_user_id, inbound_email_id, email_id, account_id, contact_id, lead_id
    )
    VALUES (
        $1::text,
        $2::text,
        CASE WHEN $3::text IS NULL THEN 'New' ELSE 'Assigned' END::jobrunner.case_status,
        $3,
        $4::bigint,
        $5::bigint,
        $6::text,
        $7::text,
        $8::text
    )
    RETURNING c.id, c.number
), in_team AS (
    INSERT INTO jobrunner.case_team (case_id, team_id)
    SELECT o.id, $9::text
    FROM opened AS o
    WHERE $9 IS NOT NULL
)
SELECT o.id, o.number
FROM opened AS o
