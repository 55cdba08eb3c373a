"""Settings: one table of them all, read once at the start and passed down."""

from tampu.config.address import DEFAULT_PORT as DEFAULT_PORT
from tampu.config.address import Address as Address
from tampu.config.address import parse_address as parse_address
from tampu.config.changes import Change as Change
from tampu.config.changes import change as change
from tampu.config.environment import build_environment as build_environment
from tampu.config.environment import engine_environment as engine_environment
from tampu.config.file import FileSettings as FileSettings
from tampu.config.models import ModelSettings as ModelSettings
from tampu.config.settings import BUILT_IN_ORIGINS as BUILT_IN_ORIGINS
from tampu.config.settings import Settings as Settings
from tampu.config.settings import places_of_settings as places_of_settings
from tampu.config.table import SETTINGS as SETTINGS
from tampu.config.table import Counts as Counts
from tampu.config.table import Setting as Setting
from tampu.config.values import GO_FALSE as GO_FALSE
from tampu.config.values import GO_TRUE as GO_TRUE
