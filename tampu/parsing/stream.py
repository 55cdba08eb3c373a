"""Text that comes in pieces: what of it may be the beginning of a tag must wait for the next piece."""


def split_partial_tag(text: str, tag: str) -> tuple[str, str]:
    """The text that is surely before any tag, and the longest end of it that could still become one."""
    start = max(len(text) - len(tag) + 1, 0)
    while (start := text.find(tag[0], start)) >= 0:
        if tag.startswith(text[start:]):
            return text[:start], text[start:]
        start += 1
    return text, ""
