-- the tables of the first version that held jobs, as it made them
CREATE TABLE jobs (
    number INTEGER NOT NULL,
    id VARCHAR(64) NOT NULL,
    process VARCHAR(64) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    status VARCHAR(16) NOT NULL,
    progress INTEGER NOT NULL,
    message TEXT NOT NULL,
    created DOUBLE NOT NULL,
    updated DOUBLE NOT NULL,
    started DOUBLE,
    finished DOUBLE,
    inputs JSON NOT NULL,
    request JSON NOT NULL,
    result JSON,
    error JSON,
    digest VARCHAR(64),
    product VARCHAR(64),
    blocks INTEGER NOT NULL,
    blocks_done INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (id)
);
CREATE INDEX ix_jobs_digest ON jobs (digest);
CREATE INDEX ix_jobs_product ON jobs (product);
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX ix_jobs_turn ON jobs (turn);
CREATE TABLE items (
    number INTEGER NOT NULL,
    job_id VARCHAR(64) NOT NULL,
    collection VARCHAR(64) NOT NULL,
    west DOUBLE NOT NULL,
    south DOUBLE NOT NULL,
    east DOUBLE NOT NULL,
    north DOUBLE NOT NULL,
    begins DOUBLE NOT NULL,
    ends DOUBLE NOT NULL,
    item JSON NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (job_id),
    FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE TABLE plans (
    job_id VARCHAR(64) NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (job_id),
    FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE TABLE steps (
    id INTEGER NOT NULL,
    job_id VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    at DOUBLE NOT NULL,
    attempt INTEGER NOT NULL,
    payload JSON NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE INDEX steps_by_job ON steps (job_id, state);
CREATE INDEX steps_by_state ON steps (state, at);
