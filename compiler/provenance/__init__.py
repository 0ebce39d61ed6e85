"""The other direction: from a resource of Envoy's, or a part of it, to the lines that made it."""
