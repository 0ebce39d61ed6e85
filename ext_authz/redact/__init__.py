"""Redaction: values that must not leave are replaced in requests and put back in answers.

Everything here is sans-IO: bytes in, bytes out, no clock, no socket.

    detector, detectors/   how one kind of value is found; one family a file
    catalogue              the built-in detectors by name, and groups of them
    scanner                all detectors compiled: one gate over a text, then where
    rules                  what a policy says: detectors, actions, caps
    places, json_text      which strings of a body are read; rewriting them in place
    unescape, request      the way of a request
    vault, audit           placeholders and their values; counts of what was found
    restore, said, flow    the way of a text of an answer: values put back, the model's own redacted
    answer, stream,        the same for whole bodies, for server-sent events, and for the events
    event_flow             between two APIs
    redactor               all of it, as a service uses it

What it does not read: images, sounds and PDFs, text in base64 outside of `data:` URLs, tokens as
numbers, values that are spread over several strings or written in words.
"""
