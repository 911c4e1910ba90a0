"""Changes policy files as text, so that comments, order and layout stay as they are."""
