-- The day it is where the installation is, and its zone.
SELECT (now() AT TIME ZONE z.zone)::date AS today, z.zone
FROM jobrunner.installation_zone() AS z (zone)
