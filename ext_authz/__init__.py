"""The Python services beside an Envoy, for the work Envoy cannot do by itself.

A request that needs none of them never meets Python. Nothing stands here yet: identity, limits,
redaction and translation come with the features that need them.
"""
