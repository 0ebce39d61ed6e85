"""What the edge does to an attempt on its way to a provider, and to the answer: ext_proc.

Everything here is sans-IO: the messages of one gRPC stream go in as bytes, and answers come out as
bytes. `attempt` is the way in and tells two machines apart:

    whole      request and answer are read, redacted, translated, signed and restored
    gate       only the beginning of a streamed answer is read, to tell whether it has one

    processor          what is served, made ready to work by
    messages           the wire
    request, sigv4     the way out: trimmed, redacted, translated, signed
    answer             the way back
    redacting          several redactions as one
    untouched          answers that nobody reads
    opening            what the beginning of a stream says
    whole_filtered     whole answers that are nothing but a filter's refusal
    triggers           what a failure means to a chain
    refusing           what is answered in a provider's place
    outcome            what became of an attempt, for the metrics
"""
