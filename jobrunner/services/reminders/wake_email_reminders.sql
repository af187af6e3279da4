SELECT jobrunner.wake_email_reminders(ARRAY[now()])
