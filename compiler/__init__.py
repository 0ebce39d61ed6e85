"""The compiler: pure stages that turn policy files into Envoy resources.

Each stage is a function of its input and a reporter of diagnostics. Between loading the text and
the finished snapshot nothing reads the clock, the environment or the disk, so the same input gives
the same bytes on every machine.
"""
