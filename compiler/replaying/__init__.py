"""Recorded requests decided under two policies: which of them would have gone another way."""
