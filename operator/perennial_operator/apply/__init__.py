"""The only writers: they send plans to the API server, each write with its guard."""
