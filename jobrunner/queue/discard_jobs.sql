-- Removes jobs of schedules whose run found nothing to do, each if it still runs under the claim named with it: of these
-- no row is left. Not where its end is news, so that the history's last word on a scheduled job and target is never out
-- of date: a Success of the last day must stand there. Nor where attempts were noted, or where a person had started the
-- job, or it waited, before the firing that it stands for. What does not come back is finished like any other.
DELETE FROM jobrunner.job AS j
USING unnest($1::bigint[], $2::bigint[]) AS idle (id, claim_id)
WHERE
    j.id = idle.id
    AND j.claim_id = idle.claim_id
    AND j.status = 'Running'
    AND j.firing <= j.created_at
    AND NOT EXISTS (
        SELECT
        FROM jobrunner.attempt AS a
        WHERE a.job_id = j.id
    )
    AND (
        SELECT h.status
        FROM jobrunner.job_history AS h
        WHERE
            h.scheduled_job_id = j.scheduled_job_id
            AND h.finished_at > now() - interval '1 day'
            AND h.preparing = j.preparing
            AND h.target_type IS NOT DISTINCT FROM j.target_type
            AND h.target_id IS NOT DISTINCT FROM j.target_id
        ORDER BY h.finished_at DESC
        LIMIT 1
    ) = 'Success'
RETURNING j.id
