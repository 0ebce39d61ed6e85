"""Embeddings: OpenAI's API in front of every provider that embeds."""
