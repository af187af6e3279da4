"""PostgreSQL: connections of our own, the job pool, migrations, the embedded server, the loader of .sql files."""
