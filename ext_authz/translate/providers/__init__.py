"""The APIs that providers speak: a writer of requests and a reader of answers each."""
