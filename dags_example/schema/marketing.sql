-- The campaign database: understood by SQLite, PostgreSQL and MariaDB alike.
CREATE TABLE campaigns (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  region VARCHAR(8) NOT NULL,
  launch_date DATE NOT NULL,
  end_date DATE NOT NULL,
  budget DECIMAL(12, 2) NOT NULL,
  status VARCHAR(20) NOT NULL,
  failed_tasks VARCHAR(250),
  launched_by VARCHAR(250)
);

CREATE TABLE customers (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  email VARCHAR(120) NOT NULL,
  region VARCHAR(8) NOT NULL,
  segment VARCHAR(20) NOT NULL,
  opted_in SMALLINT NOT NULL,
  joined_on DATE NOT NULL,
  campaign_id INTEGER REFERENCES campaigns (id)
);

CREATE TABLE banners (
  id INTEGER NOT NULL PRIMARY KEY,
  page VARCHAR(40) NOT NULL,
  region VARCHAR(8) NOT NULL,
  headline VARCHAR(200) NOT NULL,
  campaign_id INTEGER REFERENCES campaigns (id)
);

CREATE TABLE engagement (
  campaign_id INTEGER NOT NULL REFERENCES campaigns (id),
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  opened SMALLINT NOT NULL,
  clicked SMALLINT NOT NULL,
  revenue DECIMAL(12, 2) NOT NULL,
  PRIMARY KEY (campaign_id, customer_id)
);

CREATE TABLE page_cache (
  campaign_id INTEGER NOT NULL REFERENCES campaigns (id),
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  page VARCHAR(40) NOT NULL,
  PRIMARY KEY (campaign_id, customer_id, page)
);

CREATE TABLE notifications (
  campaign_id INTEGER NOT NULL REFERENCES campaigns (id),
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  channel VARCHAR(20) NOT NULL,
  status VARCHAR(20) NOT NULL,
  PRIMARY KEY (campaign_id, customer_id, channel)
);

CREATE TABLE promotions (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  status VARCHAR(20) NOT NULL,
  published_on DATE
);

CREATE TABLE campaign_metrics (
  campaign_id INTEGER NOT NULL PRIMARY KEY REFERENCES campaigns (id),
  targeted INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  clicked INTEGER NOT NULL,
  revenue DECIMAL(12, 2) NOT NULL,
  aggregated_on DATE NOT NULL
);

CREATE TABLE campaign_events (
  run_id VARCHAR(250) NOT NULL,
  task VARCHAR(100) NOT NULL,
  campaign_id INTEGER,
  event VARCHAR(100) NOT NULL,
  detail VARCHAR(250),
  PRIMARY KEY (run_id, task)
);
