"""What Kafka and MongoDB say: the topics as they are and as they should be, indexes; and how far documents are."""

from collections.abc import Sequence

from libs.events.streams import STREAMS, stream_name
from libs.runtime.errors import RozanaError, StartRefused, Unavailable
from libs.runtime.log import EventLog
from libs.runtime.pointer import live_collection
from libs.runtime.projector import as_of
from libs.runtime.settings import Settings
from libs.runtime.store import DocumentStore
from libs.runtime.topics import differences
from rozana.compose import missing_indexes, opened_topics
from rozana.doctor.findings import Findings
from rozana.topics import wanted
from rozana.upkeep import PROJECTIONS


async def look_at_topics(settings: Settings) -> tuple[Findings, bool]:
    """Each topic that is missing, set otherwise, leaderless, or short of copies; and whether all are there.

    Raises Unavailable and StartRefused.
    """
    findings = Findings()
    topics = wanted(settings)
    async with opened_topics(settings) as admin:
        ill = await admin.not_whole([each.name for each in topics])
        try:
            differing = differences(topics, await admin.found([each.name for each in topics]))
        except (Unavailable, StartRefused):
            raise
        except RozanaError as error:  # a service's user may read topics, and not their settings
            findings.well("topics", "settings", f"not shown to this user ({error})")
            differing = differences(topics, {each.name: each for each in topics})
    missing = [each.name for each in differing.create]
    wrong = {name: (told, "see the brokers") for name, told in ill.items()}
    wrong |= dict.fromkeys(missing, ("is missing", "run `rozana topics apply`"))
    for alteration in differing.alter:
        told = ", ".join(f"{name} is {value or 'not set'}" for name, value in alteration.was.items())
        wrong[alteration.topic.name] = (f"is set otherwise: {told}", "run `rozana topics apply`")
    for refusal in differing.refused:
        wrong[refusal.topic.name] = (refusal.why, "no setting mends it")
    for name, (told, todo) in sorted(wrong.items()):
        findings.ill("topics", name, told, todo=todo, anchor="topics")
    right = len(topics) - len(wrong)
    findings.well("topics", "right", f"{right} of {len(topics)}, with {settings.kafka_replication} copies each")
    return findings, not missing


async def look_at_indexes(store: DocumentStore) -> Findings:
    findings = Findings()
    for collection, names in sorted((await missing_indexes(store)).items()):
        told = f"has no index {', '.join(names)}"
        findings.ill("store", collection, told, todo="restart its service, which makes them", anchor="store")
    return findings


async def look_at_checkpoints(log: EventLog, store: DocumentStore, states: Sequence[str]) -> Findings:
    """How far each projection is certainly folded. Of grievances nothing is told: it would tell when one came."""
    findings = Findings()
    for name, projection in PROJECTIONS.items():
        if not STREAMS[projection.kind].keeps_hours:
            continue
        streams = [stream_name(projection.kind, state) for state in states]
        try:
            reached = await as_of(store, await live_collection(store, projection), streams)
        except StartRefused as error:
            findings.ill("documents", name, f"cannot be seen ({error})", todo="do that", anchor="store")
            continue
        behind = {}
        for stream in streams:
            folded = reached[stream].offset + 1 if stream in reached else 0
            if left := await log.end(stream) - folded:
                behind[stream] = left
        lag = ", ".join(f"{stream} by {left}" for stream, left in behind.items())
        findings.well("documents", name, f"behind in {lag}" if behind else "at the end of every stream")
    return findings
