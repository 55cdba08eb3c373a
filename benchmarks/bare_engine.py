"""The engine with nothing around it, on a TCP port: what Tampu is measured against.

usage: python -m benchmarks.bare_engine MODEL PORT SLOTS CONTEXT
"""

import sys
import threading

import xllamacpp


def main() -> None:
    model, port, slots, context = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = context * slots
    params.n_parallel = slots
    params.kv_unified = True
    params.cache_ram_mib = 0
    server = xllamacpp.Server(params)
    print("ready", server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
