"""Everything that can go wrong, as one tree.

    GeoCropError
    ├── InvalidRequest            whoever asked must change something; exit code 2
    │   ├── InvalidPlace          longitude, latitude or radius
    │   ├── OutsideRegion         a real place, but not one that this service maps
    │   ├── InvalidSeason         no such season, or none that the catalogue covers
    │   ├── UnknownModel          no registered model of that name or version
    │   ├── UnknownAsOf           a date within the season that a model was not trained for
    │   ├── InvalidModelName      a name or alias that no model can be registered under
    │   ├── NoBaseline            no land-cover baseline of the season, though a mask was asked for
    │   ├── UnknownJob            no job of that name
    │   ├── InvalidSample         labelled samples or a sample's design that cannot be used
    │   ├── InvalidLabels         a file of labelled points or polygons that cannot be used; bad rows are named
    │   ├── InvalidTable          a table of samples that cannot be used
    │   ├── InvalidUpload         a file that was given cannot be taken: its place, its size, its kind
    │   ├── Refused               the service refused the request; its own words are told
    │   └── InvalidSetting        a setting of the deployment; its name is told
    ├── NoMap                     the request is fine, the sky was not; exit code 1
    │   ├── NoScenes              the catalogue has no scene of this place and season
    │   ├── TooFewScenes          fewer usable scenes than a map needs
    │   ├── NothingClear          scenes, but no pixel seen clearly often enough
    │   └── JobFailed             a job of the service failed or was dismissed; its own words are told
    ├── Unavailable               a part that we depend on does not answer; later may help; exit code 1
    │   ├── CatalogUnavailable    the STAC API
    │   ├── SceneUnreadable       one scene's pixels
    │   ├── StorageUnavailable    the object store
    │   │   └── StorageRefused    it answers, and refuses each time: its credentials, bucket or clock are wrong
    │   ├── ScratchFull           a worker has no room for its temporary files
    │   ├── RegistryUnavailable   the model registry
    │   ├── StoreUnavailable      the job store
    │   ├── TooManyJobs           its owner has so many open jobs that no other one is accepted
    │   ├── QueueFull             so many jobs are open that no other one is accepted
    │   ├── BrokerUnavailable     the queue's broker
    │   ├── SourceUnavailable     the server of a file that was given by reference
    │   └── ServiceUnavailable    the service of one's own: it cannot be started, or does not answer
    ├── Abandoned                 whoever wanted it does not any more; exit code 1
    └── Inconsistent              parts that do not belong together; exit code 1
        ├── UnusableScene         a STAC item that lacks what a scene needs
        ├── UnusableStore         a job store of another version, or in a database that lacks what it needs
        ├── UnusableBaseline      a land-cover baseline that is no raster of class codes
        └── UnusableModel         a model whose files, features or legend do not fit

Messages are whole sentences that say what was wrong, which value, and what is allowed.
Raise a leaf, catch a branch.
"""


class GeoCropError(Exception):
    """Anything that GeoCrop itself reports as wrong."""


class InvalidRequest(GeoCropError):
    """The request cannot be met as it is; whoever asked must change it."""


class InvalidPlace(InvalidRequest):
    """Longitude, latitude or radius is no usable number."""


class OutsideRegion(InvalidRequest):
    """The place lies outside the region that this service maps."""


class InvalidSeason(InvalidRequest):
    """There is no such season, or the catalogue holds no imagery of it."""


class UnknownModel(InvalidRequest):
    """No model of that name or version is registered."""


class UnknownAsOf(InvalidRequest):
    """The model was not trained for this date within the season."""


class InvalidModelName(InvalidRequest):
    """A name or alias that no model can be registered under."""


class UnknownJob(InvalidRequest):
    """There is no job of that name."""


class NoBaseline(InvalidRequest):
    """A mask was asked for, and no land-cover baseline of the season and place is stored."""


class InvalidSample(InvalidRequest):
    """Labelled samples, or the design of a sample, cannot be used as they are."""


class InvalidLabels(InvalidRequest):
    """Labelled points or polygons cannot be used as they are; the rows at fault are named."""


class InvalidTable(InvalidRequest):
    """A table of samples is no such table, or one of other features."""


class InvalidUpload(InvalidRequest):
    """A file that was given, by value or by reference, cannot be taken."""


class Refused(InvalidRequest):
    """The service refused the request."""


class InvalidSetting(InvalidRequest):
    """A setting of the deployment has an unusable value."""


class NoMap(GeoCropError):
    """The request is valid, but the imagery does not allow a map."""


class NoScenes(NoMap):
    """The catalogue has no scene of this place and season."""


class TooFewScenes(NoMap):
    """Fewer usable scenes than a map needs."""


class NothingClear(NoMap):
    """No pixel was seen clearly often enough."""


class JobFailed(NoMap):
    """A job of the service ended without a map."""


class Unavailable(GeoCropError):
    """A part that we depend on does not answer; trying again later may help."""


class CatalogUnavailable(Unavailable):
    """The STAC API does not answer, or not as a STAC API does."""


class SceneUnreadable(Unavailable):
    """The pixels of a scene cannot be read."""


class StorageUnavailable(Unavailable):
    """The object store does not answer or refuses."""


class StorageRefused(StorageUnavailable):
    """The object store refuses each time: somebody must mend credentials, bucket or clock first."""


class ScratchFull(Unavailable):
    """The folder of a worker's temporary files has no room for what is to be written."""


class RegistryUnavailable(Unavailable):
    """The model registry does not answer or refuses."""


class StoreUnavailable(Unavailable):
    """The job store does not answer."""


class TooManyJobs(Unavailable):
    """An owner has so many open jobs that no other one is accepted."""


class QueueFull(Unavailable):
    """So many jobs are open that no other one is accepted."""


class BrokerUnavailable(Unavailable):
    """The queue's broker does not answer; what is due is written down and waits for it."""


class SourceUnavailable(Unavailable):
    """The server of a file that was given by reference does not answer."""


class ServiceUnavailable(Unavailable):
    """The service cannot be started, or does not answer."""


class Abandoned(GeoCropError):
    """The work was left where it was: whoever wanted it does not any more."""


class Inconsistent(GeoCropError):
    """Parts that do not belong together."""


class UnusableScene(Inconsistent):
    """A STAC item lacks what a scene needs."""


class UnusableBaseline(Inconsistent):
    """A land-cover baseline is no raster of class codes."""


class UnusableStore(Inconsistent):
    """The job store is of another version of GeoCrop, or its database lacks what a store needs."""


class UnusableModel(Inconsistent):
    """A model's files, features or legend do not fit."""
