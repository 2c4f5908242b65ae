"""Several brokers over one Redis or Valkey server: the store, and the way to one another's bridges."""
