"""Binds the operations to the services they work with."""

from functools import partial

from tampu.operations import blobs, catalog, create, embed, generate, pull, residents, show
from tampu.operations.services import Services
from tampu.server.operations import Operations


def bind_operations(services: Services) -> Operations:
    """The real operations on `services`."""
    return Operations(
        generate=partial(generate.generate, services),
        embed=partial(embed.embed, services),
        list_models=partial(catalog.list_models, services),
        loaded_models=partial(residents.loaded_models, services),
        show=partial(show.show, services),
        create=partial(create.create, services),
        pull=partial(pull.pull, services),
        copy_model=partial(catalog.copy_model, services),
        delete_model=partial(catalog.delete_model, services),
        has_blob=partial(blobs.has_blob, services),
        receive_blob=partial(blobs.receive_blob, services),
    )
