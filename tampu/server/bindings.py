"""Binds the operations to the services they work with."""

from functools import partial

from tampu.operations.blobs import adopt_blob, has_blob, receive_blob
from tampu.operations.catalog import copy_model, delete_model, list_models
from tampu.operations.choices import generate_choices
from tampu.operations.count import count_tokens
from tampu.operations.create import create
from tampu.operations.doctor import examine
from tampu.operations.embed import embed
from tampu.operations.engines import build_engine, list_engines, use_engine
from tampu.operations.generate import generate
from tampu.operations.logs import read_logs
from tampu.operations.offers import list_offers
from tampu.operations.pull import pull
from tampu.operations.purge import purge
from tampu.operations.push import push
from tampu.operations.rerank import rerank
from tampu.operations.residents import loaded_models
from tampu.operations.responses import open_responses
from tampu.operations.services import Services
from tampu.operations.sharing import SharedModels
from tampu.operations.show import show
from tampu.operations.tokens import detokenize, tokenize
from tampu.operations.tune import tune
from tampu.operations.unfinished import list_unfinished
from tampu.operations.verify import verify
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
        embed=partial(embed, services),
        tokenize=partial(tokenize, services),
        detokenize=partial(detokenize, services),
        rerank=partial(rerank, services),
        list_models=partial(list_models, services),
        loaded_models=partial(loaded_models, services),
        standings=services.scheduler.standings,
        show=partial(show, services),
        create=partial(create, services),
        pull=partial(pull, services),
        push=partial(push, services),
        copy_model=partial(copy_model, services),
        delete_model=partial(delete_model, services),
        has_blob=partial(has_blob, services),
        receive_blob=partial(receive_blob, services),
        adopt_blob=partial(adopt_blob, services),
        verify=partial(verify, services),
        purge=partial(purge, services),
        list_offers=partial(list_offers, services),
        list_unfinished=partial(list_unfinished, services),
        examine=partial(examine, services),
        list_engines=partial(list_engines, services),
        use_engine=partial(use_engine, services),
        build_engine=partial(build_engine, services),
        tune=partial(tune, services),
        read_logs=partial(read_logs, services),
        share=SharedModels(services.library),
    )
