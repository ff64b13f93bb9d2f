"""Tables of the node itself: accounts, sessions, decisions, tasks, packages.

Main job: one SQLAlchemy schema for SQLite and PostgreSQL. Every table about a patient carries `case_id` as its distribution key.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

from baybridge.base.stored_bytes import StoredBytes

metadata = MetaData()

account = Table(
    "account",
    metadata,
    Column("account", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),  # what the person types to sign in
    Column("role", String, nullable=False),
    Column("organisation", String, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("totp_secret", String),
    Column("patient_id", String),  # role patient: whose record
    Column("language", String, nullable=False, default="en"),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("person_id", String),  # whose account it is; filled in when a node of before is opened
    Column("also_roles", String),  # further roles, in a row with blanks between
    Column("leaves_at", String),  # from when on it signs in no more
    Column("disabled_because", Text),
    Column("invited", Boolean),  # came by an invitation; empty for those of a node's founding or of a version before
    Column("last_sign_in", String),
)

person = Table(  # somebody who has one account or more; two persons are two of these
    "person",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("profession", String),
    Column("registration", String),  # number in the register of the profession
)

invitation = Table(  # how an account gets its password; shown once, used once
    "invitation",
    metadata,
    Column("token_sha256", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("expires_at", String, nullable=False),
    Column("ended_at", String),  # used, or another one took its place
)

confirmation = Table(  # what was typed while it waits for a second person; its hash stands in the event that asked
    "confirmation",
    metadata,
    Column("confirmation_id", String, primary_key=True),
    Column("case_id", String, nullable=False),
    Column("given", StoredBytes, nullable=False),  # JSON
    Column("asked_at", String, nullable=False),
    Column("expires_at", String, nullable=False, index=True),
)

command_given = Table(  # what a command asked that led to events, so that its id with other content is a conflict
    "command_given",
    metadata,
    Column("command_id", String, primary_key=True),
    Column("digest", String, nullable=False),  # keyed by the node's secret: nobody else can try values against it
)

courier_code = Table(  # the one-time code by which a courier without account confirms; its hash alone, never the code
    "courier_code",
    metadata,
    Column("shipment_id", String, primary_key=True),
    Column("case_id", String, nullable=False),
    Column("salt", StoredBytes, nullable=False),
    Column("code_hash", StoredBytes, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("expires_at", String, nullable=False),
)

account_change_asked = Table(  # the first of two administrators who change who is one
    "account_change_asked",
    metadata,
    Column("change_sha256", String, primary_key=True),
    Column("person", String, nullable=False),
    Column("asked_at", String, nullable=False),
)

kept_form = Table(  # what was typed when the session was over; given back to the same account alone
    "kept_form",
    metadata,
    Column("account", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("fields", StoredBytes, nullable=False),  # JSON of names and texts
    Column("kept_at", String, nullable=False),
)

known_device = Table(  # browsers from which somebody signed in with the right password
    "known_device",
    metadata,
    Column("device_sha256", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("since_at", String, nullable=False),
)

second_factor = Table(
    "second_factor",
    metadata,
    Column("account", String, primary_key=True),
    Column("pending_secret", String),  # shown, and not yet confirmed by a code
    Column("last_period", Integer, nullable=False, default=0),  # of the last code that was accepted; a code works once
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("account", String, primary_key=True),
    Column("code_sha256", String, primary_key=True),
    Column("used_at", String),
)

session = Table(
    "session",
    metadata,
    Column("token_sha256", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("csrf", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("expires_at", String, nullable=False),
    Column("role", String),  # in which the account acts now, where it has several
    Column("device", String),  # what kind of device, in a word
    Column("provider", String),  # where the person signed in, if not here; it is told when the person signs out
    Column("strong", Boolean),  # a second factor was used there
)

outside_identity = Table(  # who somebody is elsewhere, by issuer and subject and never by a mail address, and whose account that is here
    "outside_identity",
    metadata,
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("account", String, nullable=False, index=True),
    Column("bound_at", String, nullable=False),
    Column("password_until", String, nullable=False),  # until when the account's own password counts
    Column("held_roles", String),  # what its groups say and two administrators have not given, with blanks between
    Column("last_seen_at", String),
)

passkey = Table(  # public keys of devices by which people prove who they are
    "passkey",
    metadata,
    Column("credential_id", String, primary_key=True),
    Column("account", String, nullable=False, index=True),
    Column("public_key", StoredBytes, nullable=False),
    Column("name", String, nullable=False),  # as its owner calls it
    Column("made_at", String, nullable=False),
    Column("copied_at", String),  # its counter did not rise: it counts no more
    Column("last_count", BigInteger, nullable=False),
    Column("last_used_at", String),
)

calendar_link = Table(  # links by which calendar programs fetch visits and tasks; one an account
    "calendar_link",
    metadata,
    Column("account", String, primary_key=True),
    Column("token_sha256", String, nullable=False, unique=True),
    Column("made_at", String, nullable=False),
    Column("ends_at", String, nullable=False),
)

sign_in_begun = Table(  # a sign-in that goes on at another place or with another step; taken once, by the browser that began it
    "sign_in_begun",
    metadata,
    Column("key_sha256", String, primary_key=True),
    Column("body", Text, nullable=False),  # sealed JSON
    Column("expires_at", String, nullable=False),
)

sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("name_sha256", String, primary_key=True),  # of what was typed as a name, which may be anything
    Column("failed", Integer, nullable=False),
    Column("last_at", String, nullable=False),
)

entries_of_request = Table(  # which entries of the log a request over HTTP wrote, for whoever follows it from a log line; nothing is decided by it
    "entries_of_request",
    metadata,
    Column("first", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("request", String, nullable=False, index=True),
)

record_read = Table(  # who looked at whose record, on what ground; the patient's own list, bound to the log by its hash
    "record_read",
    metadata,
    Column("read_id", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("patient_id", String, nullable=False),
    Column("case_id", String, nullable=False),
    Column("account", String, nullable=False),
    Column("organisation", String, nullable=False),
    Column("role", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("what", String, nullable=False),
    Column("ground", String, nullable=False),
    Index("record_read_of_patient", "patient_id", "at"),
    Index("record_read_of_case", "case_id", "at"),
)

broken_glass = Table(  # emergency accesses by who may read until when, from the events of the cases
    "broken_glass",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("case_id", String, nullable=False),
    Column("account", String, nullable=False),
    Column("from_at", String, nullable=False),
    Column("until_at", String, nullable=False),
    Index("broken_glass_of_account", "account"),
)

restriction = Table(  # persons who asked that their record be kept and no longer used, but for what the document of people names
    "restriction",
    metadata,
    Column("restriction", String, primary_key=True),
    Column("patient_id", String, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("since_at", String, nullable=False),
    Column("account", String, nullable=False),
    Column("lifted_at", String),
    Column("lifted_by", String),
    Column("lifted_because", Text),
    Index("restriction_standing", "lifted_at"),
)

legal_hold = Table(  # persons whose record nothing may be erased of while a proceeding goes on
    "legal_hold",
    metadata,
    Column("hold", String, primary_key=True),
    Column("patient_id", String, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("since_at", String, nullable=False),
    Column("account", String, nullable=False),
    Column("lifted_at", String),
    Column("lifted_by", String),
    Column("lifted_because", Text),
)

breach_entry = Table(  # the register of breaches of personal data: a breach is the fold of its entries, none of which is ever changed
    "breach_entry",
    metadata,
    Column("entry_id", String, primary_key=True),
    Column("breach_id", String, nullable=False),
    Column("number", Integer, nullable=False),  # its place among the entries of the breach
    Column("at", String, nullable=False),
    Column("account", String, nullable=False),
    Column("person", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", StoredBytes, nullable=False),  # JSON
    Index("breach_entry_of", "breach_id", "number", unique=True),
)

erasure_asked = Table(  # the first of two persons asked to erase something
    "erasure_asked",
    metadata,
    Column("what", String, primary_key=True),  # a hash over the patient, what is to be erased, and the basis
    Column("person", String, nullable=False),
    Column("asked_at", String, nullable=False),
)

case_index = Table(
    "case_index",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("patient_id", String, nullable=False, index=True),
    Column("stage", String, nullable=False),
    Column("product", String),
    Column("synthetic", Boolean, nullable=False),
    Column("updated_at", String, nullable=False),
    Column("tasks_stale", Boolean, nullable=False, default=True),  # something happened since its tasks were worked out
    Column("figures", StoredBytes),  # JSON: what the case adds to the indicators; empty until it was worked out
    Column("due_again_at", String, default=""),  # when its tasks are to be looked at again although nothing happens; '': at once
    Column("only_told", Boolean),  # packages of others tell of it, and nobody here did anything in it; empty until it was worked out
    Index("case_index_only_told", "only_told"),
    Index("case_index_stale", "tasks_stale"),
    Index("case_index_by_change", "updated_at", "case_id"),
    Index("case_index_by_stage", "stage", "updated_at", "case_id"),
    Index("case_index_due_again", "due_again_at"),
)

payer_case = Table(  # the cases in which a payer has a part, and what waits for it there, as of when the tasks were worked out
    "payer_case",
    metadata,
    Column("payer", String, primary_key=True),
    Column("case_id", String, primary_key=True),
    Column("state", String, nullable=False),  # what became of the payer's part where nothing waits
    Column("waiting", StoredBytes, nullable=False),  # JSON: what waits, without grounds that somebody typed
    Index("payer_case_of", "case_id"),
)

trial = Table(
    "trial",
    metadata,
    Column("trial_id", String, primary_key=True),
    Column("study", StoredBytes, nullable=False),  # the study as the registry's file had it
    Column("study_sha256", String, nullable=False),
    Column("imported_at", String, nullable=False),
    Column("imported_by", String, nullable=False),
    Column("file_name", String, nullable=False),
)

trial_review = Table(
    "trial_review",
    metadata,
    Column("trial_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("policy", Text, nullable=False),  # the reviewed criteria as a policy document
    Column("lines", StoredBytes, nullable=False),  # JSON: every published line and what the reviewer made of it
    Column("criteria_sha256", String, nullable=False),  # of the published text that was reviewed
    Column("reviewed_by", String, nullable=False),
    Column("role", String, nullable=False),
    Column("reviewed_at", String, nullable=False),
)

screening_facts = Table(
    "screening_facts",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("facts", StoredBytes, nullable=False),  # JSON of the facts that trials of this node read, as last seen
    Column("read_at", String, nullable=False),
)

screening = Table(
    "screening",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("trial_id", String, primary_key=True),
    Column("outcome", String, nullable=False),
    Column("policy_sha256", String, nullable=False),
    Column("screened_at", String, nullable=False),
    Index("screening_trial", "trial_id", "outcome"),
)

decision = Table(
    "decision",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("policy", String, nullable=False),
    Column("policy_sha256", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("document", StoredBytes, nullable=False),
    Column("facts", StoredBytes, nullable=False),
    Column("given", StoredBytes, nullable=False),  # JSON of the facts that a caller gave, not the record
    Column("superseded_by", String),
)

decision_source = Table(
    "decision_source",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("resource", String, primary_key=True),  # Type/id that a fact of the decision was read from
    Column("case_id", String, nullable=False),
    Index("decision_source_resource", "resource"),
)

policy_text = Table(
    "policy_text",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("text", Text, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("task", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("due_at", String),
    Column("body", StoredBytes, nullable=False),
    Column("urgent", Boolean),  # its clock has turned red; empty for rows of before
    Column("holder", String),  # the account that has it; empty where it is the role's
    Index("task_of_role", "role", "due_at"),
    Index("task_of_holder", "holder"),
    Index("task_by_key", "task"),
)

notification = Table(  # what somebody is told on the own pages: of which kind, about which case; no name and no value
    "notification",
    metadata,
    Column("notification_id", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("case_id", String, nullable=False),
    Column("seen_at", String),
    Index("notification_of_account", "account", "at"),
)

notification_rule = Table(  # kinds of notification that an account does not want
    "notification_rule",
    metadata,
    Column("account", String, primary_key=True),
    Column("unwanted", String, nullable=False),  # kinds with blanks between
)

seal = Table(  # the node's keyed hash over each row of a sealed table, and one over all of them (`integrity/seals.py`)
    "seal",
    metadata,
    Column("what", String, primary_key=True),
    Column("mac", String, nullable=False),
)

ledger_finding = Table(  # what the latest checks of the ledger came to
    "ledger_finding",
    metadata,
    Column("checked_at", String, primary_key=True),
    Column("sound", Boolean, nullable=False),
    Column("body", StoredBytes, nullable=False),  # JSON of the check, as the command prints it
)

outgoing = Table(
    "outgoing",
    metadata,
    Column("package_id", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("to_node", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("sealed", StoredBytes, nullable=False),
    Column("content_sha256", String, nullable=False),
    Column("resources", StoredBytes, nullable=False),  # JSON list of Type/id, so that a correction finds who has it
    Column("receipt", StoredBytes),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_problem", String),
    Index("outgoing_waiting", "receipt", "created_at"),
)

incoming = Table(
    "incoming",
    metadata,
    Column("package_id", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("from_node", String, nullable=False),
    Column("received_at", String, nullable=False),
    Column("content_sha256", String, nullable=False),
    Column("signed", StoredBytes, nullable=False),  # the sender's signature over the content
    Column("receipt", StoredBytes, nullable=False),
)

refused_package = Table(
    "refused_package",
    metadata,
    Column("content_sha256", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("from_node", String, nullable=False),
    Column("at", String, nullable=False),
    Column("reasons", StoredBytes, nullable=False),  # JSON
)

neighbour_clearing = Table(  # the first of two persons asked to lift a brand
    "neighbour_clearing",
    metadata,
    Column("neighbour", String, primary_key=True),
    Column("person", String, nullable=False),
    Column("asked_at", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("problem_note", Text, nullable=False),  # the brand that was looked at; another one is asked about anew
)

spared_test = Table(  # outside results that serve instead of a repeated test, from the decisions that stand
    "spared_test",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("result_id", String, primary_key=True),
    Column("used_in", String, primary_key=True),
    Column("measured_in", String, nullable=False),
    Column("decided_on", String, nullable=False),
    Column("body", StoredBytes, nullable=False),  # JSON: code, purposes, price and turnaround as they were configured on that day
)

import_report = Table(
    "import_report",
    metadata,
    Column("report", String, primary_key=True),
    Column("case_id", String, index=True),
    Column("at", String, nullable=False),
    Column("body", StoredBytes, nullable=False),
)

identity_key = Table(
    "identity_key",
    metadata,
    Column("key", String, primary_key=True),  # keyed hash of what two records of one person nearly always share
    Column("patient", String, primary_key=True),
    Index("identity_key_of", "patient"),
)

identity_pair = Table(
    "identity_pair",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("other", String, primary_key=True),  # the other Patient, whose record may be this case's
    Column("question", String, nullable=False),
    Column("state", String, nullable=False),  # open, linked, refused, undone; the events of the case say the same
    Column("report", String, nullable=False, default=""),  # import report with which the other record came
    Index("identity_pair_other", "other", "state"),
)

code_mapping = Table(
    "code_mapping",
    metadata,
    Column("mapping", String, primary_key=True),
    Column("system", String, nullable=False),  # whose code: the laboratory's system
    Column("code", String, nullable=False),
    Column("loinc", String, nullable=False),
    Column("unit", String),  # stands for a missing unit only
    Column("name", String, nullable=False),
    Column("source", Text, nullable=False),  # what the person who signed looked at
    Column("account", String, nullable=False),
    Column("role", String, nullable=False),
    Column("signed_at", String, nullable=False),
    Column("undone_at", String),
    Column("undone_by", String),
    Column("because", Text),
    Index("code_mapping_of", "system", "code"),
)

rendered = Table(
    "rendered",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("resources", StoredBytes, nullable=False),  # JSON list of Type/id
)

consequence = Table(  # what follows from a write and is not done yet
    "consequence",
    metadata,
    Column("consequence_id", String, primary_key=True),
    Column("lane", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("case_id", String, nullable=False, index=True),
    Column("body", StoredBytes, nullable=False),  # JSON
    Column("queued_at", String, nullable=False),
    Column("not_before", String, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_problem", String),
    Index("consequence_due", "lane", "not_before"),
)

projection_failure = Table(
    "projection_failure",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("case_id", String, nullable=False),
    Column("problem", String, nullable=False),
    Column("attempts", Integer, nullable=False, default=1),
)

duty = Table(  # who is on duty, as the roster was set last
    "duty",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("specialty", String, nullable=False),
    Column("account", String, nullable=False),
    Column("from_at", String, nullable=False),
    Column("until_at", String, nullable=False),
    Column("order", Integer, nullable=False),
    Column("deputy", String),
)

call_board = Table(  # the calls that were made here, from the events of their cases; what a banner shows without reading every case
    "call_board",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("called_at", String, nullable=False),
    Column("state", String, nullable=False, index=True),  # open, acknowledged, arrived, closed; every page asks for the open ones
    Column("codes", String, nullable=False),  # with blanks between
)

live_event = Table(  # what changed in the last hour, for pages that are told without being loaded again; no names
    "live_event",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),  # call, board, task
    Column("what", String, nullable=False),
    Column("case_id", String, nullable=False),
    Column("state", String, nullable=False),
    sqlite_autoincrement=True,  # a number is never used twice, whatever was taken away
)

backup = Table(  # the backups that were made of this node, and those that failed; what is kept of the files says the page of the administrator
    "backup",
    metadata,
    Column("made_at", String, primary_key=True),
    Column("path", Text, nullable=False),
    Column("bytes", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("log_size", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("root", String, nullable=False),
    Column("sha256", String, nullable=False),  # of the file
    Column("problem", Text),  # why there is none, or what a look at the file found
    Column("looked_at", String),  # when the file was last read again
)

restoration = Table(  # from which backup this database came, and whether people have accepted what it lacks; empty where it never was restored
    "restoration",
    metadata,
    Column("restored_at", String, primary_key=True),
    Column("backup_sha256", String, nullable=False),
    Column("backup_made_at", String, nullable=False),
    Column("log_size", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("root", String, nullable=False),
    Column("state", String, nullable=False),  # clean, gap, unknown, accepted
    Column("neighbours", StoredBytes, nullable=False),  # JSON: what each neighbour had seen of the log
    Column("asked_by", String),  # the first of two persons who accept it
    Column("asked_at", String),
    Column("reason", Text),
)

told_restoration = Table(  # neighbours that said that they were restored from a backup, with the signed word of the last time
    "told_restoration",
    metadata,
    Column("neighbour", String, primary_key=True),
    Column("told_at", String, nullable=False),
    Column("note", Text, nullable=False),
)
