"""What Go counts as blank where a text is trimmed: Python's notion, without the separators of ASCII."""

from typing import Final

BLANKS: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
