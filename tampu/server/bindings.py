"""Binds the operations to the services they work with.

What a first answer does not need is imported when it is first asked for (see tampu/deferred.py): starting is quick.
"""

from functools import partial

from tampu.deferred import events_later, later
from tampu.operations.choices import generate_choices
from tampu.operations.count import count_tokens
from tampu.operations.generate import generate
from tampu.operations.residents import loaded_models
from tampu.operations.responses import open_responses
from tampu.operations.services import Services
from tampu.operations.sharing import SharedModels
from tampu.server.operations import Operations


def bind_operations(services: Services) -> Operations:
    """The real operations on `services`."""
    responses = open_responses(services)
    return Operations(
        generate=partial(generate, services),
        generate_choices=partial(generate_choices, partial(generate, services)),
        count_tokens=partial(count_tokens, partial(generate, services)),
        respond=responses.respond,
        count_response_tokens=responses.count_tokens,
        find_response=responses.find,
        remove_response=responses.remove,
        cancel_response=responses.cancel,
        embed=partial(later("tampu.operations.embed", "embed"), services),
        tokenize=partial(later("tampu.operations.tokens", "tokenize"), services),
        detokenize=partial(later("tampu.operations.tokens", "detokenize"), services),
        rerank=partial(later("tampu.operations.rerank", "rerank"), services),
        list_models=partial(later("tampu.operations.catalog", "list_models"), services),
        loaded_models=partial(loaded_models, services),
        standings=services.scheduler.standings,
        show=partial(later("tampu.operations.show", "show"), services),
        create=partial(events_later("tampu.operations.create", "create"), services),
        pull=partial(events_later("tampu.operations.pull", "pull"), services),
        push=partial(events_later("tampu.operations.push", "push"), services),
        copy_model=partial(later("tampu.operations.catalog", "copy_model"), services),
        delete_model=partial(later("tampu.operations.catalog", "delete_model"), services),
        has_blob=partial(later("tampu.operations.blobs", "has_blob"), services),
        receive_blob=partial(later("tampu.operations.blobs", "receive_blob"), services),
        adopt_blob=partial(events_later("tampu.operations.blobs", "adopt_blob"), services),
        verify=partial(events_later("tampu.operations.verify", "verify"), services),
        purge=partial(events_later("tampu.operations.purge", "purge"), services),
        list_offers=partial(later("tampu.operations.offers", "list_offers"), services),
        list_unfinished=partial(later("tampu.operations.unfinished", "list_unfinished"), services),
        examine=partial(later("tampu.operations.doctor", "examine"), services),
        list_engines=partial(later("tampu.operations.engines", "list_engines"), services),
        use_engine=partial(later("tampu.operations.engines", "use_engine"), services),
        build_engine=partial(events_later("tampu.operations.engines", "build_engine"), services),
        tune=partial(events_later("tampu.operations.tune", "tune"), services),
        read_logs=partial(events_later("tampu.operations.logs", "read_logs"), services),
        share=SharedModels(services.library),
    )
