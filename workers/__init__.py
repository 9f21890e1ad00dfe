"""Work for later: jobs are rows in PostgreSQL, Celery only says that there are some."""
