-- How often settings, scheduled jobs and cancellations were edited.
SELECT
    r.topic,
    r.number
FROM jobrunner.revision AS r
