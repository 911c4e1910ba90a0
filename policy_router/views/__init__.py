"""What a value looks like outside: as a dict, as lines for a terminal."""
