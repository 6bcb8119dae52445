from bytesize.formatting import format_size
from bytesize.parsing import parse_size

__all__ = ["format_size", "parse_size"]
