"""The APIs that clients speak: a reader of requests and a writer of answers each."""
