"""Byte framing of streams, apart from what the frames mean."""
