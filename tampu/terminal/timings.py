"""The block of counts and times that `--verbose` prints after an answer."""

from tampu.client.answers import Piece
from tampu.units import NS_PER_S, format_duration


def timing_block(end: Piece) -> str:
    """One line for each count or time that is not zero."""
    rows = [
        ("total duration:", _time(end.total_duration)),
        ("load duration:", _time(end.load_duration)),
        ("prompt eval count:", _tokens(end.prompt_eval_count)),
        ("prompt eval duration:", _time(end.prompt_eval_duration)),
        ("prompt eval rate:", _rate(end.prompt_eval_count, end.prompt_eval_duration)),
        ("eval count:", _tokens(end.eval_count)),
        ("eval duration:", _time(end.eval_duration)),
        ("eval rate:", _rate(end.eval_count, end.eval_duration)),
    ]
    return "".join(f"{label:<22}{value}\n" for label, value in rows if value)


def speed_line(end: Piece) -> str:
    """How fast an answer came, in one line; "" where the server did not count."""
    parts = [
        _rate(end.eval_count, end.eval_duration),
        f"{end.eval_count} tokens" if end.eval_count > 0 else "",
        f"prompt {_rate(end.prompt_eval_count, end.prompt_eval_duration)}" if end.prompt_eval_duration > 0 else "",
    ]
    told = ", ".join(filter(None, parts))
    return f"{told}\n" if told else ""


def _time(nanoseconds: int) -> str:
    return format_duration(nanoseconds) if nanoseconds > 0 else ""


def _tokens(count: int) -> str:
    return f"{count} token(s)" if count > 0 else ""


def _rate(count: int, nanoseconds: int) -> str:
    return f"{count * NS_PER_S / nanoseconds:.2f} tokens/s" if nanoseconds > 0 else ""
