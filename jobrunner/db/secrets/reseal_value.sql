-- Puts one sealed value in place of another that still stands there: $1 table, $2 id, $3 column, $4 old, $5 new
SELECT jobrunner.reseal($1, $2, $3, $4, $5) AS changed
