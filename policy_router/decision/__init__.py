"""From a compiled policy, a request and a snapshot to a decision. Pure: no IO, clock or chance."""
