"""Who may import whom. The table is the one in ARCHITECTURE.md; imports point down and never round."""

from tests.architecture.source import Module, imports, modules

VOCABULARY = frozenset(
    (
        "arrival audience config deferred descriptions errors generation json_misfits json_syntax management media "
        "messages names options progress responses secret sharing tampu units upkeep wire"
    ).split()
)
EVERYTHING_BELOW_OPERATIONS = frozenset(
    "gguf modelfile templates parsing hardware telemetry state store registry engine scheduler".split()
)
MAY_IMPORT: dict[str, frozenset[str]] = {
    "gguf": frozenset(),
    "modelfile": frozenset(),
    "templates": frozenset(),
    "parsing": frozenset(),
    "hardware": frozenset(),
    "telemetry": frozenset(),
    "state": frozenset(),
    "store": frozenset({"gguf", "modelfile", "templates"}),
    "registry": frozenset({"store"}),
    "engine": frozenset({"hardware", "gguf.translate.plan"}),
    "scheduler": frozenset({"hardware", "engine", "gguf.footprint"}),
    "operations": EVERYTHING_BELOW_OPERATIONS,
    "api": frozenset(),
    "server": frozenset({"operations", "api", "telemetry"}),
    "client": frozenset(),
    "terminal": frozenset({"client"}),
    "repl": frozenset({"client", "terminal"}),
    "cli": frozenset({"client", "terminal", "repl", "modelfile"}),
    "__main__": frozenset({"cli"}),
}
ONLY_INSIDE = {("tampu.cli.serve", "server")}
"""(module, room): imported inside the one function that needs it, because it is heavy."""
ONLY_BY = {("tampu.cli.gguf_reports", "gguf"): "tampu.cli.gguf"}
"""(module, room) to the one module that may import it, and that does so inside the function that needs it."""


def room_of(module: Module) -> str:
    return module.room or module.name.removeprefix("tampu.")


def test_every_room_is_in_the_table() -> None:
    rooms = {room_of(m) for m in modules()} - VOCABULARY
    assert rooms <= set(MAY_IMPORT)


def test_imports_follow_the_table() -> None:
    wrong = []
    for module in modules():
        own = room_of(module)
        allowed = MAY_IMPORT.get(own, frozenset())
        for name, line, at_top in imports(module):
            target = name.removeprefix("tampu.")
            room = target.split(".")[0]
            if room == own or room in VOCABULARY or room in allowed:
                continue
            if any(target == exact or target.startswith(f"{exact}.") for exact in allowed):
                continue
            if (module.name, room) in ONLY_INSIDE and not at_top:
                continue
            if (module.name, room) in ONLY_BY:
                continue
            wrong.append(f"{module.path}:{line}: {own} may not import {name}")
    assert wrong == []


def test_what_one_module_keeps_to_itself_is_imported_late_and_by_nobody_else() -> None:
    owners = {module: owner for (module, _), owner in ONLY_BY.items()}
    wrong = [
        f"{module.path}:{line}: {name}"
        for module in modules()
        for name, line, at_top in imports(module)
        if name in owners and (module.name != owners[name] or at_top)
    ]
    assert wrong == []


def test_vocabulary_imports_vocabulary() -> None:
    wrong = [
        f"{module.path}:{line}: {name}"
        for module in modules()
        if not module.room and room_of(module) in VOCABULARY
        for name, line, _ in imports(module)
        if name != "tampu" and name.removeprefix("tampu.") not in VOCABULARY
    ]
    assert wrong == []


def test_there_is_no_import_cycle() -> None:
    graph = {m.name: {name for name, _, _ in imports(m) if name != m.name} for m in modules()}
    # Repeatedly take away modules that import nothing that is left; what cannot be taken away is in a cycle.
    while free := [name for name, targets in graph.items() if not targets & graph.keys()]:
        for name in free:
            del graph[name]
    assert graph == {}
