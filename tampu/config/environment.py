"""The environment of this process: nothing else reads it (a test holds this)."""

import os
from collections.abc import Mapping
from typing import Final

_ENGINE_VARIABLES: Final = frozenset(
    {
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "SYSTEMROOT",
        "GOMP_SPINCOUNT",
        "OMP_PLACES",
        "OMP_PROC_BIND",
        "OMP_WAIT_POLICY",
        "CUDA_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "GGML_VK_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",
        "HSA_OVERRIDE_GFX_VERSION",
        "OMP_NUM_THREADS",
    }
)


def read_environment() -> Mapping[str, str]:
    """Every variable."""
    return os.environ


def engine_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the engine's child process may see: where libraries and devices are, and no secret."""
    environment = read_environment() if environment is None else environment
    return {name: value for name, value in environment.items() if name in _ENGINE_VARIABLES}


_BUILD_VARIABLES: Final = frozenset(
    {"CC", "CXX", "CUDACXX", "HIPCXX", "CUDA_PATH", "CUDA_HOME", "ROCM_PATH", "CMAKE_PREFIX_PATH", "HOME"}
)


def build_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the compiler of an engine may see: what an engine may, and which compilers to use."""
    environment = read_environment() if environment is None else environment
    chosen = {name: value for name, value in environment.items() if name in _BUILD_VARIABLES}
    return {**engine_environment(environment), **chosen}
