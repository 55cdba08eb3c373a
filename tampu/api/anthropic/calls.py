"""Calls of tools as blocks of an answer. Pure."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from tampu.api.anthropic.tools import WEB_SEARCH
from tampu.messages import ToolCall

Block = Mapping[str, Any]


class Calls:
    """The calls of one answer. No two have one id, by which their results come back.

    `searches`: the web search is Anthropic's own tool. Nothing here can search, so each such call comes with what
    Anthropic answers where its search is not to be had, and asks nothing of the client.
    """

    def __init__(self, *, searches: bool) -> None:
        self._searches = searches
        self._ids: set[str] = set()

    @property
    def has_called(self) -> bool:
        """Whether a call was made that the client has to answer."""
        return bool(self._ids)

    def blocks(self, call: ToolCall) -> Sequence[Block]:
        """The blocks of one call, each whole."""
        name, arguments = call.function.name, call.function.arguments
        if self._searches and name == WEB_SEARCH:
            return _search(arguments)
        return [{"type": "tool_use", "id": self._new_id(call.id), "name": name, "input": arguments}]

    def _new_id(self, told: str) -> str:
        new = told if told and told not in self._ids else f"call_{secrets.token_hex(4)}"
        self._ids.add(new)
        return new


def _search(arguments: Mapping[str, Any]) -> Sequence[Block]:
    number = f"srvtoolu_{secrets.token_hex(12)}"
    failure = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    return [
        {"type": "server_tool_use", "id": number, "name": WEB_SEARCH, "input": arguments},
        {"type": "web_search_tool_result", "tool_use_id": number, "content": failure},
    ]
