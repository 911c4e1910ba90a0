"""What the headers and the body of a request reveal about the program that sends it."""
