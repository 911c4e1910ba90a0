"""One object that decides and answers requests, reports on them and follows its policy files."""
