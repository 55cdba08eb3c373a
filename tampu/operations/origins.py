"""What is said of where a model came from. Pure."""

from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from tampu.descriptions import Origin, OriginKind
from tampu.operations.places import Place, RegistryPlace, WeightsPlace
from tampu.registry.catalog import FolderSource, PackageSource, UrlSource, WeightsSource


def origin_of(place: Place) -> Origin:
    """The origin of what was pulled from `place`."""
    match place:
        case RegistryPlace():
            return Origin(OriginKind.REGISTRY if place.is_own else OriginKind.MIRROR, place.label)
        case WeightsPlace():
            return _weights_origin(place.source)
        case _:
            assert_never(place)


def _weights_origin(source: WeightsSource) -> Origin:
    match source:
        case PackageSource():
            return Origin(OriginKind.PACKAGE, f"{source.pieces[0].package} {source.pieces[0].version}")
        case UrlSource():
            return Origin(OriginKind.URL, _without_secrets(source.url))
        case FolderSource():
            return folder_origin(Path(source.path))
        case _:
            assert_never(source)


def folder_origin(folder: Path) -> Origin:
    """The origin of what was taken from a folder, by its name: where on the server it lies is nobody's business."""
    return Origin(OriginKind.FOLDER, folder.name)


def _without_secrets(url: str) -> str:
    """An address without user, query and fragment: any of them may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
