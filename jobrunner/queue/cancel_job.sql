-- Cancels a job, or asks its daemon to (see jobrunner.cancel).
SELECT jobrunner.cancel($1, $2) AS outcome
