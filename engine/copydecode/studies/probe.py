"""The corpus `probe`: four documents and 154 edits, a stand-in for the paper's ProbeEdit.

ProbeEdit is not public. What is known of it: four source documents (meeting notes, a design
document, an abstract, an API specification), 154 edits, about 650 tokens each, 97.8 % of them
copied, about two spans an edit. This corpus has the same make-up and is built here, from templates
and a seed; it is not the paper's data. Knows nothing of tokens or programs.

A template is the document with its possible edits marked:

- `{{old|new|new}}`: `old` stands in the document, and each `new` may replace it;
- a line `++ text`: not in the document, and may be added there;
- a line that begins with `-- `: in the document without these signs, and may be removed.

Terms that a document uses often may be renamed all over it (`_Template.renames`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

SIZE = 154
SEED = 2604

_SLOT = re.compile(r"\{\{([^{}|]+)\|([^{}]+)\}\}")
_ADDED, _REMOVABLE = "++ ", "-- "
_FIRST_WORDS = 4  # How many words name a line in an instruction.


@dataclass(frozen=True, slots=True)
class Edit:
    """A document, what is asked, and what the document becomes."""

    source: str
    target: str
    instruction: str


@dataclass(frozen=True, slots=True)
class _Template:
    title: str
    text: str
    renames: tuple[tuple[str, str], ...]


def edits(size: int = SIZE, seed: int = SEED) -> list[Edit]:
    """Return edits drawn evenly from the four documents, always the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311  # not a secret
    pools = [list(_possible(template)) for template in _TEMPLATES]
    for pool in pools:
        draw.shuffle(pool)
    return [pools[index % len(pools)].pop() for index in range(size)]


def documents() -> dict[str, str]:
    """Return the four documents by title."""
    return {template.title: _document(template) for template in _TEMPLATES}


def _possible(template: _Template) -> Iterator[Edit]:
    """Yield every edit that a template has."""
    source = _document(template)
    marked = template.text.splitlines(keepends=True)
    for index, line in enumerate(marked):
        before = "".join(map(_plain, marked[:index]))
        after = "".join(map(_plain, marked[index + 1 :]))
        if line.startswith(_ADDED):
            new = line.removeprefix(_ADDED)
            place = _name(_plain(next(m for m in reversed(marked[:index]) if _plain(m).strip())))
            yield Edit(source, before + new + after, f"After {place}, add: {new.strip()}")
            continue
        if line.startswith(_REMOVABLE):
            yield Edit(source, before + after, f"Remove {_name(_plain(line))}.")
        for slot in _SLOT.finditer(line):
            old, alternatives = slot.groups()
            head, tail = _plain(line[: slot.start()]), _plain(line[slot.end() :])
            for new in alternatives.split("|"):
                where = _name(_plain(line))
                instruction = f'In {where}, replace "{old}" with "{new}".'
                yield Edit(source, before + head + new + tail + after, instruction)
    for old, new in template.renames:
        instruction = f'Call "{old}" "{new}" everywhere.'
        yield Edit(source, source.replace(old, new), instruction)


def _document(template: _Template) -> str:
    return "".join(map(_plain, template.text.splitlines(keepends=True)))


def _plain(line: str) -> str:
    """Return what a line of a template is in the document."""
    if line.startswith(_ADDED):
        return ""
    return _SLOT.sub(r"\1", line.removeprefix(_REMOVABLE))


def _name(line: str) -> str:
    words = " ".join(line.split()[:_FIRST_WORDS])
    return f'the line that begins "{words}"'


_MEETING = _Template(
    "meeting notes",
    """\
# Weekly sync, storage team

Date: {{Tuesday 4 March|Wednesday 5 March|Tuesday 11 March}}, 10:00 to {{10:45|11:00}}
Place: {{room Curie|room Noether|online only}}
Present: Amara, Bo, Chidi, {{Dana|Esther}}, Farid
Excused: {{Greta (travelling)|Greta (on leave)|nobody}}
Notes: {{Bo|Chidi}}

## 1. Follow-up from last week

-- - Amara closed the ticket on slow listings; the cause was a missing index.
- Chidi measured the new cache: hit rate {{71 %|74 %}} on the replayed trace.
-- - The flaky restore test is still open, nobody could reproduce it on a laptop.
++ - Dana confirmed that the on-call handbook now names the right pager group.
- Farid talked to purchasing; the disks arrive in {{the second week of April|early May}}.

## 2. Migration to the new object store

Amara showed the state of the migration.
Of {{412|418}} buckets, {{287|301}} are copied and checked, the rest waits for their owners.
The copy job runs at {{1.8 GB/s|2.1 GB/s}} at night and is throttled to a third of that by day.
Two teams asked for a freeze window, because their exports must not move while they run.
We agreed to give them {{the weekend of 15 March|the night of 20 March}} and to announce it on Monday.
++ The data platform team will be told separately, since their jobs read across buckets.

Open questions:

-- - Do we keep the old access logs for a year, or only for ninety days?
- Who pays for the double storage in {{March|March and April}}?
-- - Can the checksum pass run on the replicas, so that the primaries stay quiet?
++ - Does legal need a written record of what was deleted, and when?

## 3. Incident of 27 February

Bo walked through the timeline.
At {{02:14|02:41}} a node lost its network, and the cluster did not elect a leader for nine minutes.
Reads went on, writes failed with a timeout; {{about 3,200|about 4,100}} requests were affected.
The cause was a clock that had drifted by {{eleven|fourteen}} seconds on one of the voters.
The alert on clock drift existed but was muted since {{January|the autumn}}.
Nobody lost data; two customers were told by mail on the same day.

Lessons:

-- - A muted alert needs an end date, and the dashboard should list all of them.
- The election timeout goes down from {{sixty|forty}} seconds to ten.
++ - The runbook gets a section on how to read the election log.
-- - We want a game day on lost networks once a quarter.

## 4. Hiring

There are {{three|four}} candidates left for the open position.
The interviews are {{on Thursday|on Friday}}; Dana prepares the exercise, Farid the questions on operations.
++ Amara joins the second interview, since the candidate worked on codecs.

## Action items

- [ ] Amara: announce the freeze window, by {{Monday|Tuesday}}
- [ ] Bo: write the incident report and send it {{to the whole department|to the team leads}}
-- - [ ] Chidi: run the cache trace again with twice the memory
- [ ] Dana: prepare the exercise, by {{Wednesday|Thursday noon}}
++ - [ ] Esther: check the end dates of all muted alerts
- [ ] Farid: ask finance about the double storage

Next meeting: {{11 March|18 March}}, same place, {{Chidi|Dana}} takes notes.
""",
    (("Amara", "Amina"), ("Farid", "Faisal"), ("Chidi", "Chike")),
)

_DESIGN = _Template(
    "design document",
    """\
# Design: incremental index for the search service

Status: {{draft|in review|accepted}}
Authors: search team
Last change: {{2025-09-02|2025-09-16}}

## Goal

A document that is saved should be found by search within {{five seconds|two seconds|ten seconds}}.
Today the index is rebuilt {{every thirty minutes|once an hour}}, which costs {{forty|fifty-five}} minutes of processor time.
We replace the rebuild by an incremental index that takes changes as they come.

## Non-goals

-- - Ranking stays as it is; this design only changes when a document becomes visible.
- We do not support {{search across tenants|fuzzy search}}.
-- - The old index format is not kept; one full rebuild is accepted at the switch.
++ - Highlighting of results is a matter of the web client.

## Overview

Every write goes to the change log first.
An indexer reads the log in order and appends to a small segment in memory.
When a segment reaches {{64 MB|32 MB|128 MB}} or is {{ten|five}} seconds old, it is sealed and written to disk.
Sealed segments are never changed; deletions are kept in a bitmap beside them.
A query asks all segments and merges their answers by score.
A background job merges small segments, so that a shard has at most {{twelve|sixteen}} of them.
++ Merging stops while a shard is moved to another node.

## Interfaces

The indexer offers three calls, all of them over {{gRPC|HTTP}}:

- `Append(batch)` takes up to {{500|1000}} documents and answers when they are durable.
- `Seal(shard)` closes the open segment; it is used by tests and by the backup.
- `Stats(shard)` returns the number of segments, documents and deletions.
++ - `Drop(tenant)` removes everything that a tenant has, for the right to be forgotten.

Errors are typed: `Overloaded` asks the caller to wait, `Corrupt` takes the shard out of service.

## Consistency

A client gets back the position in the log of its write.
It may send that position with a query, which then waits until the index has reached it, for at most {{one second|three seconds}}.
Without a position, a query sees whatever is there.
-- We considered to make all reads wait; at the 99th percentile that doubled the latency.
++ Replicas may be behind each other, so a client should stay with one replica for a session.

## Failure

If the indexer crashes, it reads the log again from the last sealed segment.
The log is kept for {{seven days|three days|two weeks}}, which bounds how long an indexer may be down.
A corrupt segment is found by its checksum at load time, dropped, and built again from the log.
-- If the log itself is lost, a full rebuild from the primary store takes about six hours.

## Capacity

We expect {{900|1,200}} writes per second at the peak and {{40|60}} million documents per shard.
One indexer handles {{2,500|3,000}} writes per second on {{four|eight}} cores in our prototype.
Memory is dominated by the open segment and the merge buffers, together below {{1 GB|2 GB}}.
++ Disk needs twice the size of the index while a merge runs.

## Roll-out

1. Shadow mode: the new indexer runs beside the old rebuild, answers are compared.
2. One percent of the tenants, for {{a week|two weeks}}.
3. All tenants; the old job stays ready for {{a month|a quarter}}.
-- 4. The old job and its machines are removed.

## Open points

-- - Should the bitmap of deletions be replicated at once or with the next seal?
- Who is on call for the indexer: {{search|storage}} or the platform team?
""",
    (("indexer", "index writer"), ("tenant", "customer"), ("shard", "partition")),
)

_ABSTRACT = _Template(
    "abstract",
    """\
Sparse Ground-Water Sensing from {{Ambient|Urban}} Vibration: an Extended Abstract

Background.
Cities on soft soil sink when ground water falls, often by {{several|two to five}} centimetres a year.
Wells measure the level directly, but a well costs {{about 20,000 euros|about 25,000 euros}} and stands where there is room for it,
not where the answer is needed.
Vibration from traffic travels through the ground at a speed that depends on its saturation,
and thousands of buildings already carry accelerometers for other reasons.
++ Whether such instruments are good enough for hydrology has not been shown so far.

Question.
We ask whether the level of ground water can be followed from {{existing|low-cost}} accelerometers alone,
how many of them are needed per square kilometre, and for how long they have to listen.
-- We do not ask for absolute levels, which need at least one well for calibration.

Data.
We recorded {{fourteen|eighteen}} months of vibration at {{212|236}} buildings in two cities,
together with hourly levels of {{31|29}} wells that serve as the reference.
The sensors sample at {{100 Hz|200 Hz}} and are of {{six|five}} different makes.
Days with construction work nearby were marked by hand and left out, {{4.1 %|3.6 %}} of the total.
++ All recordings are stored without voices or any other trace of persons.
-- In the second city the winter is missing, because the network was down.

Method.
For every pair of buildings we compute the noise correlation over windows of {{six hours|four hours}}.
The change of travel time against a reference month is turned into a change of velocity,
and a map of velocity changes follows from all pairs by a regularised inversion.
A {{linear|monotone}} model with two parameters per district then turns velocity into water level.
Its parameters are fitted on the first {{eight|nine}} months and never touched afterwards.
++ Temperature is taken out beforehand by a regression on the daily mean of the air.

Results.
On the held-out months the median error is {{9 cm|11 cm}}, against a seasonal range of {{140 cm|160 cm}}.
With half of the sensors the error rises to {{12 cm|15 cm}}; with a tenth, to {{31 cm|38 cm}}.
Windows shorter than two hours are of no use, since traffic at night is too sparse.
The method found {{three|both}} pumping tests that were unknown to us, with a delay of {{two days|one day}}.
++ A linear interpolation between wells, the usual practice, has a median error of 27 cm.
-- Differences between makes of sensors explain less than one centimetre of the error.

Limits.
Where the ground is paved with tram lines, the noise comes from one direction and the maps are biased.
Frost changes the velocity as much as water does, and we have no way to tell the two apart.
-- The cost of power and data, about 30 euros per sensor and year, is not part of our comparison.
Both cities stand on {{clay and peat|sand and clay}}; for rock we expect the method to fail.

Conclusion.
Accelerometers that are already there can replace {{two thirds|half}} of the wells in a city on soft soil,
at about {{a tenth|a fifth}} of the cost, if a few wells remain for calibration.
The code and {{one month|three months}} of data are {{available on request|published with the paper}}.
++ A pilot with the water board of the first city begins next year.

Keywords: ground water, ambient noise, {{subsidence|hydrology}}, smart buildings
Funding: {{national science fund|city council}}, grant {{4711|4715}}
""",
    (("accelerometers", "vibration sensors"), ("ground water", "groundwater"), ("cities", "towns")),
)

_API = _Template(
    "API specification",
    """\
openapi: {{3.0.3|3.1.0}}
info:
  title: {{Parcel tracking|Parcel service}}
  version: {{1.4.0|1.5.0|2.0.0}}
  description: Where a parcel is, and when it arrives.
  contact:
    email: {{api@parcels.example|support@parcels.example}}
servers:
  - url: https://api.parcels.example/{{v1|v2}}
++   - url: https://sandbox.parcels.example/v1
paths:
  /parcels:
    get:
      summary: List the parcels of the caller
      operationId: {{listParcels|getParcels}}
      parameters:
        - name: status
          in: query
          schema:
            $ref: '#/components/schemas/Status'
        - name: limit
          in: query
          schema: {type: integer, minimum: 1, maximum: {{100|200|500}}, default: {{20|50}}}
++         - {name: since, in: query, schema: {type: string, format: date-time}}
      responses:
        '200':
          description: {{A page of parcels, newest first|The newest parcels}}
          content:
            application/json:
              schema: {$ref: '#/components/schemas/ParcelPage'}
--         '401': {$ref: '#/components/responses/Unauthorised'}
++         '429': {$ref: '#/components/responses/TooManyRequests'}
    post:
      summary: {{Announce a parcel|Register a parcel}}
      operationId: {{announceParcel|createParcel}}
      requestBody:
        required: {{true|false}}
        content:
          application/json:
            schema: {$ref: '#/components/schemas/NewParcel'}
      responses:
        '{{201|202}}':
          description: {{The parcel was announced|The parcel is known from now on}}
--         '409': {description: A parcel with that code exists}
++         '422': {description: The address cannot be delivered to}
  /parcels/{code}:
    get:
      summary: {{Show one parcel|Show where a parcel is}}
      operationId: {{showParcel|getParcel}}
      parameters:
        - {name: code, in: path, required: true, schema: {type: string, pattern: '^[A-Z]{2}[0-9]{9}$'}}
      responses:
        '200':
          description: The parcel
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Parcel'}
--         '404': {description: No such parcel}
components:
  securitySchemes:
    key: {type: apiKey, in: {{header|query}}, name: {{X-Api-Key|Api-Key}}}
  schemas:
    Status:
      type: string
      enum: [announced, {{moving|in_transit}}, delivered, lost]
    Parcel:
      type: object
      required: [code, status]
      properties:
        code: {type: string, example: {{AB123456789|XY000000017}}}
        status: {$ref: '#/components/schemas/Status'}
        weight: {type: number, description: {{Kilograms|Grams}}, maximum: {{31.5|30}}}
--         height: {type: number, description: Centimetres}
        arrives: {type: string, format: {{date|date-time}}}
++         sender: {type: string, maxLength: 80}
    NewParcel:
      type: object
      required: [{{code, weight|code}}]
      properties:
        code: {type: string}
        weight: {type: number}
--         comment: {type: string, maxLength: 200}
    ParcelPage:
      type: object
      properties:
        items: {type: array, items: {$ref: '#/components/schemas/Parcel'}}
        next: {type: string, {{nullable: true|maxLength: 64}}}
++         total: {type: integer}
  responses:
    Unauthorised:
      description: {{The key is missing or unknown|No valid key}}
""",
    (("NewParcel", "ParcelDraft"), ("ParcelPage", "ParcelList"), ("Unauthorised", "NoKey")),
)

_TEMPLATES = (_MEETING, _DESIGN, _ABSTRACT, _API)
