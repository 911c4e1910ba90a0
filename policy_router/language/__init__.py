"""From the text of policy files to a compiled policy. Only `files` touches the disk."""
