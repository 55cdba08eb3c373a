"""A models folder as Ollama makes it, written here by hand from the description of its layout, is used as it is."""

import hashlib
import json
from pathlib import Path

from tests.journeys.conftest import serving
from tests.recordings import recorded_bytes

TEMPLATE = "{{ .System }}{{ .Prompt }}<|s19|>"
TYPE = "application/vnd.ollama.image"


def write_blob(models: Path, content: bytes) -> tuple[str, int]:
    digest = hashlib.sha256(content).hexdigest()
    blobs = models / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / f"sha256-{digest}").write_bytes(content)
    return f"sha256:{digest}", len(content)


def layer(models: Path, kind: str, content: bytes) -> dict[str, object]:
    digest, size = write_blob(models, content)
    return {"mediaType": f"{TYPE}.{kind}", "digest": digest, "size": size}


def make_folder(models: Path) -> bytes:
    config = {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "135M",
        "file_type": "F16",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:00"]},
    }
    digest, size = write_blob(models, json.dumps(config, separators=(",", ":")).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest, "size": size},
        "layers": [
            layer(models, "model", recorded_bytes("models/http.gguf")),
            layer(models, "template", TEMPLATE.encode()),
            layer(models, "system", b"You are Ann. "),
            layer(models, "params", b'{"stop":[" epsilon"],"temperature":0.5}\n'),
            layer(models, "license", b"Do as you like.\n"),
        ],
    }
    # As pulled: the bytes of the registry, not ours.
    content = json.dumps(manifest, indent=3).encode()
    path = models / "manifests" / "registry.ollama.ai" / "library" / "found" / "135m"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return content


def test_it_is_listed_shown_run_and_copied(tmp_path: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    manifest = make_folder(models)
    with serving(tmp_path) as served:
        (entry,) = served.ask("/api/tags", method="GET")["models"]
        assert (entry["name"], entry["digest"]) == ("found:135m", hashlib.sha256(manifest).hexdigest())
        assert (entry["details"]["parameter_size"], entry["details"]["quantization_level"]) == ("135M", "F16")

        shown = served.ask("/api/show", {"model": "found:135m"})
        assert (shown["template"], shown["system"], shown["license"]) == (
            TEMPLATE,
            "You are Ann. ",
            "Do as you like.\n",
        )
        assert shown["parameters"].split() == ["stop", '"', 'epsilon"', "temperature", "0.5"]

        answer = served.ask("/api/generate", {"model": "FOUND:135m", "prompt": "Hi", "stream": False})
        assert (answer["response"], answer["done_reason"]) == ("alpha beta gamma delta", "stop")
        rendered = served.ask("/api/generate", {"model": "found:135m", "prompt": "Hi", "_debug_render_only": True})
        assert rendered["_debug_info"]["rendered_template"] == "You are Ann. Hi<|s19|>"

        assert served.command("cp", "found:135m", "mine").stdout == "copied 'found:135m' to 'mine'\n"
        copied = models / "manifests" / "registry.ollama.ai" / "library" / "mine" / "latest"
        assert copied.read_bytes() == manifest
        assert served.command("rm", "found:135m").stdout == "deleted 'found:135m'\n"
        again = served.ask("/api/generate", {"model": "mine", "prompt": "Hi", "stream": False})
        assert again["response"] == "alpha beta gamma delta"
