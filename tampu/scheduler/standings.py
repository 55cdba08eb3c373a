"""Where every request stands that the scheduler knows of. Pure."""

from collections.abc import Iterable, Iterator

from tampu.descriptions import RequestState, Standing
from tampu.scheduler.lease import Ticket
from tampu.scheduler.loading import Loading
from tampu.scheduler.policy import serves
from tampu.scheduler.resident import Resident


def standings(
    residents: Iterable[Resident[Ticket]], pending: Iterable[Ticket], loading: Loading | None
) -> Iterator[Standing]:
    """Those that are being answered, then those that wait for a slot, then those whose model is not loaded."""
    residents = tuple(residents)
    for resident in residents:
        for asker in resident.working:
            yield Standing(asker.request_id, resident.plan.request.name, RequestState.RUNNING)
    for resident in residents:
        for place, ticket in enumerate(resident.waiting, 1):
            yield _waiting(ticket, place)
    place = 0
    for ticket in pending:
        if loading and serves(loading.plan, ticket.request):
            yield Standing(ticket.asker.request_id, ticket.request.name, RequestState.LOADING)
        else:
            place += 1
            yield _waiting(ticket, place)


def _waiting(ticket: Ticket, place: int) -> Standing:
    return Standing(ticket.asker.request_id, ticket.request.name, RequestState.WAITING, place)
