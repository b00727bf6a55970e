"""Age and size of the images that containers were created from, from the engine's list, `GET /images/json`.

Off by default, and queried in the background at long intervals. Where containers of one image name were created from
different images, because it was pulled again meanwhile, the oldest is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors._container import engine_snapshot
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.docker_sizes import ImageSizes
from deckwatch.exporter.world import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.sources.disk_usage import Image
    from deckwatch.exporter.world import World

CREATED = Metric(
    "deckwatch_image_created_timestamp_seconds", "gauge", "Build time of the image, as a Unix time.", ("image",)
)
SIZE = Metric("deckwatch_image_size_bytes", "gauge", "Size of the image with all its layers.", ("image",))


@collector(CREATED, SIZE, default=False)
def collect(world: World) -> Reading[Iterator[Sample]]:
    """Build time and size of the image of each container."""
    engine = engine_snapshot(world)
    images = world.source(ImageSizes).latest_reading()
    return Reading(_to_samples(engine.containers, images.value), images.at)


def _to_samples(containers: Iterable[Container], images: Mapping[str, Image]) -> Iterator[Sample]:
    oldest: dict[str, Image] = {}
    for container in containers:
        image = images.get(container.image_id)
        if image is not None and container.image:
            oldest[container.image] = min(image, oldest.get(container.image, image))
    for name, image in oldest.items():
        if image.created > 0:  # a reproducible build has no time
            yield CREATED(image.created, name)
        yield SIZE(image.size, name)
