"""What a request asks for: its task, its complexity, its needs, its tokens."""
