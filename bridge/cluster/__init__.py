"""Who of several instances owns which cloud host: agreed on by locks that PostgreSQL holds."""
