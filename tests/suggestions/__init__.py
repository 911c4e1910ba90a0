"""What suggestions propose, and on what evidence."""
