"""What past requests say."""
