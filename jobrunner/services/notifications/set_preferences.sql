-- $1 the user's id, then mentions, stream, assignments, ignored types, grouping; NULL leaves one as it is
INSERT INTO jobrunner.notification_preferences AS p (
    user_id,
    receive_mention_email_notifications,
    receive_stream_email_notifications,
    receive_assignment_email_notifications,
    assignment_email_notifications_ignore_entity_type_list,
    notification_grouping
)
VALUES (
    $1::text,
    coalesce($2::boolean, true),
    coalesce($3::boolean, true),
    coalesce($4::boolean, true),
    coalesce($5::text[], '{}'),
    coalesce($6::boolean, true)
)
ON CONFLICT (user_id) DO UPDATE
SET receive_mention_email_notifications = coalesce($2::boolean, p.receive_mention_email_notifications),
    receive_stream_email_notifications = coalesce($3::boolean, p.receive_stream_email_notifications),
    receive_assignment_email_notifications = coalesce($4::boolean, p.receive_assignment_email_notifications),
    assignment_email_notifications_ignore_entity_type_list = coalesce($5::text[], p.assignment_email_notifications_ignore_entity_type_list),
    notification_grouping = coalesce($6::boolean, p.notification_grouping)
