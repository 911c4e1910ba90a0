"""What became of requests: reports of what was used."""
