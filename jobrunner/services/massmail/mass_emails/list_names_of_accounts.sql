SELECT a.name
FROM jobrunner.smtp_account AS a
WHERE a.for_mass_mail
ORDER BY a.name
