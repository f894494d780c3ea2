CREATE TABLE ycloud_attempts (
  event_seq BIGINT NOT NULL,
  handler TEXT NOT NULL,
  ended_at DOUBLE PRECISION NOT NULL,
  number INTEGER NOT NULL,
  state VARCHAR(9) NOT NULL,
  seconds DOUBLE PRECISION,
  error TEXT,
  PRIMARY KEY (event_seq, handler, ended_at)
);

CREATE TABLE ycloud_conversations (
  name VARCHAR(32) NOT NULL,
  key VARCHAR(32) NOT NULL,
  seen_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (name)
);

CREATE INDEX ix_ycloud_conversations_key ON ycloud_conversations (key);

CREATE INDEX ix_ycloud_conversations_seen_at ON ycloud_conversations (seen_at);

CREATE TABLE ycloud_events (
  seq BIGSERIAL NOT NULL,
  id VARCHAR(255) NOT NULL,
  endpoint TEXT NOT NULL,
  tenant TEXT DEFAULT '' NOT NULL,
  endpoint_id VARCHAR(255),
  type VARCHAR(128),
  key VARCHAR(32),
  received_at DOUBLE PRECISION NOT NULL,
  signed_at DOUBLE PRECISION,
  state VARCHAR(8) NOT NULL,
  due_at DOUBLE PRECISION,
  parked_due_at DOUBLE PRECISION,
  attempt INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  started_at DOUBLE PRECISION,
  handler TEXT,
  unhandled BOOLEAN DEFAULT false NOT NULL,
  settled_at DOUBLE PRECISION,
  reason TEXT,
  redeliveries INTEGER DEFAULT '0' NOT NULL,
  redelivered_at DOUBLE PRECISION,
  differs BOOLEAN DEFAULT false NOT NULL,
  conflict_id TEXT,
  traceparent VARCHAR(55),
  body BYTEA NOT NULL,
  PRIMARY KEY (seq)
);

CREATE INDEX ix_ycloud_events_dead ON ycloud_events (seq) WHERE state = 'dead';

CREATE INDEX ix_ycloud_events_done ON ycloud_events (settled_at) WHERE state = 'done';

CREATE INDEX ix_ycloud_events_due ON ycloud_events (endpoint, tenant, due_at, seq) WHERE due_at IS NOT NULL;

CREATE INDEX ix_ycloud_events_key ON ycloud_events (key, due_at, seq) WHERE due_at IS NOT NULL AND key IS NOT NULL;

CREATE INDEX ix_ycloud_events_parked ON ycloud_events (key, (seq + 0)) WHERE parked_due_at IS NOT NULL;

CREATE INDEX ix_ycloud_events_unhandled ON ycloud_events (seq) WHERE unhandled;

CREATE UNIQUE INDEX ux_ycloud_events_identity ON ycloud_events (id, endpoint, tenant);

CREATE UNIQUE INDEX ux_ycloud_events_running_key ON ycloud_events (key) WHERE state = 'running';

CREATE TABLE ycloud_outcomes (
  event_seq BIGINT NOT NULL,
  handler TEXT NOT NULL,
  state VARCHAR(9) NOT NULL,
  attempts INTEGER NOT NULL,
  next_at DOUBLE PRECISION,
  updated_at DOUBLE PRECISION NOT NULL,
  seconds DOUBLE PRECISION,
  error TEXT,
  PRIMARY KEY (event_seq, handler)
);

CREATE TABLE ycloud_rejections (
  hour INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  reason VARCHAR(32) NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (hour, endpoint, reason)
);

CREATE TABLE ycloud_schema (
  version SERIAL NOT NULL,
  PRIMARY KEY (version)
);

CREATE TABLE ycloud_workers (
  name TEXT NOT NULL,
  seen_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (name)
);

INSERT INTO ycloud_schema (version) VALUES (2);
