-- How many values are sealed with which key; of the keys that sign only those that sign now, and not those of $1
SELECT
    split_part(s.sealed, ':', 2) AS key,
    count(*)::integer AS number
FROM jobrunner.list_sealed() AS s
LEFT JOIN jobrunner.signing_key AS k ON s.table_name = 'signing_key' AND k.id::text = s.row_id
WHERE k.id IS NULL
    OR (
        k.purpose <> $1::text
        AND NOT EXISTS (
            SELECT
            FROM jobrunner.signing_key AS n
            WHERE n.purpose = k.purpose AND n.number > k.number
        )
    )
GROUP BY split_part(s.sealed, ':', 2)
ORDER BY split_part(s.sealed, ':', 2)
