"""The canonical layout of policy files, as `gatewright fmt` writes them.

Pure; comments and what the text means are kept, and that is checked before it is given.
"""

from compiler.format.format import CannotFormatError, format_source

__all__ = ["CannotFormatError", "format_source"]
