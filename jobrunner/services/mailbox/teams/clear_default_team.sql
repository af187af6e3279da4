-- Takes from a user the default team: $1 the user, $2 the team that is to be it and stays if it is
UPDATE jobrunner.team_member AS m
SET is_default = false
WHERE m.user_id = $1::text
    AND m.is_default
    AND m.team_id <> $2::text
