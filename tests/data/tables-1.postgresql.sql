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

CREATE TABLE ycloud_events (
  seq BIGSERIAL NOT NULL,
  id VARCHAR(128) NOT NULL,
  endpoint TEXT NOT NULL,
  type VARCHAR(128),
  key VARCHAR(32),
  received_at DOUBLE PRECISION NOT NULL,
  signed_at DOUBLE PRECISION,
  state VARCHAR(8) NOT NULL,
  due_at DOUBLE PRECISION,
  attempt INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  settled_at DOUBLE PRECISION,
  reason TEXT,
  redeliveries INTEGER DEFAULT '0' NOT NULL,
  redelivered_at DOUBLE PRECISION,
  traceparent VARCHAR(55),
  body BYTEA NOT NULL,
  PRIMARY KEY (seq),
  UNIQUE (id)
);

CREATE INDEX ix_ycloud_events_dead ON ycloud_events (seq) WHERE state = 'dead';

CREATE INDEX ix_ycloud_events_done ON ycloud_events (settled_at) WHERE state = 'done';

CREATE INDEX ix_ycloud_events_due ON ycloud_events (due_at, seq) WHERE due_at IS NOT NULL;

CREATE INDEX ix_ycloud_events_key ON ycloud_events (key, seq) WHERE due_at IS NOT NULL AND key IS NOT NULL;

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

CREATE TABLE ycloud_refusals (
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

INSERT INTO ycloud_schema (version) VALUES (1);
