-- Popup reminders.
SELECT 1;
