CREATE TABLE ycloud_attempts (
  event_seq INTEGER NOT NULL,
  handler TEXT NOT NULL,
  ended_at DOUBLE NOT NULL,
  number INTEGER NOT NULL,
  state VARCHAR(9) NOT NULL,
  seconds DOUBLE,
  error TEXT,
  PRIMARY KEY (event_seq, handler, ended_at)
)
 WITHOUT ROWID;

CREATE TABLE ycloud_conversations (
  name VARCHAR(32) NOT NULL,
  "key" VARCHAR(32) NOT NULL,
  seen_at DOUBLE NOT NULL,
  PRIMARY KEY (name)
);

CREATE INDEX ix_ycloud_conversations_key ON ycloud_conversations ("key");

CREATE INDEX ix_ycloud_conversations_seen_at ON ycloud_conversations (seen_at);

CREATE TABLE ycloud_events (
  seq INTEGER NOT NULL,
  id VARCHAR(255) NOT NULL,
  endpoint TEXT NOT NULL,
  tenant TEXT DEFAULT '' NOT NULL,
  endpoint_id VARCHAR(255),
  type VARCHAR(128),
  "key" VARCHAR(32),
  received_at DOUBLE NOT NULL,
  signed_at DOUBLE,
  state VARCHAR(8) NOT NULL,
  due_at DOUBLE,
  parked_due_at DOUBLE,
  attempt INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  started_at DOUBLE,
  handler TEXT,
  unhandled BOOLEAN DEFAULT 0 NOT NULL,
  settled_at DOUBLE,
  reason TEXT,
  redeliveries INTEGER DEFAULT '0' NOT NULL,
  redelivered_at DOUBLE,
  differs BOOLEAN DEFAULT 0 NOT NULL,
  conflict_id TEXT,
  traceparent VARCHAR(55),
  body BLOB NOT NULL,
  PRIMARY KEY (seq)
);

CREATE INDEX ix_ycloud_events_dead ON ycloud_events (seq) WHERE state = 'dead';

CREATE INDEX ix_ycloud_events_done ON ycloud_events (settled_at) WHERE state = 'done';

CREATE INDEX ix_ycloud_events_due ON ycloud_events (endpoint, tenant, due_at, seq) WHERE due_at IS NOT NULL;

CREATE INDEX ix_ycloud_events_key ON ycloud_events ("key", due_at, seq) WHERE due_at IS NOT NULL AND key IS NOT NULL;

CREATE INDEX ix_ycloud_events_parked ON ycloud_events ("key", seq + 0) WHERE parked_due_at IS NOT NULL;

CREATE INDEX ix_ycloud_events_unhandled ON ycloud_events (seq) WHERE unhandled;

CREATE UNIQUE INDEX ux_ycloud_events_identity ON ycloud_events (id, endpoint, tenant);

CREATE UNIQUE INDEX ux_ycloud_events_running_key ON ycloud_events ("key") WHERE state = 'running';

CREATE TABLE ycloud_outcomes (
  event_seq INTEGER NOT NULL,
  handler TEXT NOT NULL,
  state VARCHAR(9) NOT NULL,
  attempts INTEGER NOT NULL,
  next_at DOUBLE,
  updated_at DOUBLE NOT NULL,
  seconds DOUBLE,
  error TEXT,
  PRIMARY KEY (event_seq, handler)
)
 WITHOUT ROWID;

CREATE TABLE ycloud_rejections (
  hour INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  reason VARCHAR(32) NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (hour, endpoint, reason)
);

CREATE TABLE ycloud_schema (
  version INTEGER NOT NULL,
  PRIMARY KEY (version)
);

CREATE TABLE ycloud_workers (
  name TEXT NOT NULL,
  seen_at DOUBLE NOT NULL,
  PRIMARY KEY (name)
);

INSERT INTO ycloud_schema (version) VALUES (2);
