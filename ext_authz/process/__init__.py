"""What the edge does to an attempt on its way to a provider, and to the answer: ext_proc.

Everything here is sans-IO: the messages of one gRPC stream go in as bytes, and answers come out as
bytes. `attempt` is the way in and tells two machines apart:

    whole      request and answer are read, redacted, translated, signed and restored
    gate       only the beginning of a streamed answer is read, to tell whether it has one

Around them: `processor` is what is served, made ready to work by, `messages` the wire, `opening`
what the beginning of a stream says, `answer` the way back of one answer, `request` the way out,
`redacting` several redactions as one, `triggers` what a failure means to a chain, `untouched` the
answers that nobody reads, `refusing` what is answered in a provider's place.
"""
