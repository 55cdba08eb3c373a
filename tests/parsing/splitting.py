"""Feeding a parser in pieces, and its events as what clients end up with."""

from hypothesis import strategies as st

from tampu.generation import TextDelta, ToolCallReady


def feed_all(parser, pieces):
    """All events of a parser, joined."""
    return joined_events([event for piece in pieces for event in parser.feed(piece)] + parser.feed("", last=True))


def joined_events(events):
    """Neighbouring pieces of one kind as one; ids of calls left out."""
    joined = []
    for event in events:
        if isinstance(event, ToolCallReady):
            function = event.call.function
            joined.append(("call", (function.index, function.name, function.arguments)))
            continue
        kind = "text" if isinstance(event, TextDelta) else "thinking"
        assert event.text
        if joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + event.text)
        else:
            joined.append((kind, event.text))
    return joined


def summary(events):
    """Content, thinking and calls."""
    texts = {kind: "".join(value for name, value in events if name == kind) for kind in ("text", "thinking")}
    return texts["text"], texts["thinking"], [value for name, value in events if name == "call"]


def cuts(text):
    """All ways to cut a text."""
    places = st.lists(st.integers(0, len(text)), max_size=12).map(sorted)
    return places.map(lambda ends: [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)])
