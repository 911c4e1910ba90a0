"""Official clients, as their makers ship them, against the server."""
