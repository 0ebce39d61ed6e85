"""The wire formats: one provider API a file (or a family of files), listed in `registry`."""
