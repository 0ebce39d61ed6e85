"""Translation between LLM APIs: any supported client API in front of any supported provider.

Everything here is sans-IO: bytes in, bytes out, no clock, no socket. The way of a request and of
its answer, a folder a step:

    clients/<api>_request    client bytes  -> `conversation.Ask`, what is asked in no API's words
    providers/<api>_request  `Ask` -> path, headers and body for the provider
    framing/                 provider bytes -> frames (server-sent events, AWS event stream)
    providers/<api>_answer   frames, or a whole body -> `events`, the one stream inside
    clients/<api>_answer     events -> the client's bytes, streamed or whole

A whole answer goes through the same events as a streamed one. `translator` ties the steps
together, `pairs` is the table of who may stand in front of whom, `errors` turns failures over.
"""
