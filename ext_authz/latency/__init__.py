"""Who lately began to answer first: for models that choose their first target by latency.

Everything is sans-IO but `tail`, which reads the usage log, and `watch`, which runs it.

    sample      what a line of the usage log tells of the targets that it names
    speed       how soon a group of targets begins to answer, from samples that grow old
    latencies   the choice among a model's groups
    tail        new bytes of a log that others write, give back and rotate
    watch       a worker's task that has the choice learn from the log
"""
