"""The ledger in Redis or Valkey, for several machines."""
