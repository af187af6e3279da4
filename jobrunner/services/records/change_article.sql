-- Gives an article another status, whatever it had: $1 id, $2 the new one, $3 who does it, $4 why.
SELECT c.id
FROM jobrunner.change_articles(
    ARRAY[$1::text], enum_range(NULL::jobrunner.article_status), $2::text::jobrunner.article_status, $3::text, $4::text
) AS c
