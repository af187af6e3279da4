SELECT unnest(enum_range(NULL::jobrunner.notification_mail))::text AS state
