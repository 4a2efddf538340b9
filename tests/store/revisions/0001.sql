BEGIN TRANSACTION;
CREATE TABLE workflow_store_audit (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	actor VARCHAR(250) NOT NULL, 
	action VARCHAR(20) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	version INTEGER, 
	release INTEGER, 
	message TEXT NOT NULL, 
	CONSTRAINT workflow_store_audit_pk PRIMARY KEY (id)
);
INSERT INTO "workflow_store_audit" VALUES(1,'2026-11-22 02:56:48.232006','ann','publish','package','load',1,1,'first');
INSERT INTO "workflow_store_audit" VALUES(2,'2026-11-22 02:56:48.232006','ann','publish','package','other',1,1,'first');
INSERT INTO "workflow_store_audit" VALUES(3,'2026-11-22 02:56:48.232006','ann','publish','workflow','daily',1,1,'first');
INSERT INTO "workflow_store_audit" VALUES(4,'2026-11-22 02:56:48.300899','bob','publish','workflow','daily',2,2,'calls another package');
INSERT INTO "workflow_store_audit" VALUES(5,'2026-11-22 02:56:48.341574','ann','activate','workflow','daily',1,3,'back');
CREATE TABLE workflow_store_content (
	digest VARCHAR(64) NOT NULL, 
	format VARCHAR(10) NOT NULL, 
	text TEXT NOT NULL, 
	files TEXT NOT NULL, 
	CONSTRAINT workflow_store_content_pk PRIMARY KEY (digest)
);
INSERT INTO "workflow_store_content" VALUES('9332aa286297d3fabc17c7595d3387a33836d5c8c18ed3ab3c59adfc599c6ebd','yaml','package: load
variables: {}
run:
  operator: airflow.providers.standard.operators.bash.BashOperator
  arguments: {bash_command: true}
','{}');
INSERT INTO "workflow_store_content" VALUES('76656a97da3af6a0a132254b8c5a42cb04db062ca5239ba65c2e4b41af60f30e','yaml','package: other
variables: {}
run:
  operator: airflow.providers.standard.operators.bash.BashOperator
  arguments: {bash_command: true}
','{}');
INSERT INTO "workflow_store_content" VALUES('2605acdb76b104d51b0b9bf24828b5b1a1b9feb4e66c823bdc1b2006d1338da4','yaml','workflow: daily
tasks:
  only: {package: load}
','{}');
INSERT INTO "workflow_store_content" VALUES('3a7b8bc6811715941a3895ba4768d5919f5d17f06846f40e068d484eb7bb7004','yaml','workflow: daily
tasks:
  only: {package: other}
','{}');
CREATE TABLE workflow_store_definition (
	id INTEGER NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	draft_revision INTEGER NOT NULL, 
	CONSTRAINT workflow_store_definition_pk PRIMARY KEY (id), 
	CONSTRAINT workflow_store_definition_kind_uq UNIQUE (kind, name)
);
INSERT INTO "workflow_store_definition" VALUES(1,'package','load',0);
INSERT INTO "workflow_store_definition" VALUES(2,'package','other',0);
INSERT INTO "workflow_store_definition" VALUES(3,'workflow','daily',0);
CREATE TABLE workflow_store_draft (
	definition_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	based_on INTEGER, 
	format VARCHAR(10) NOT NULL, 
	text TEXT NOT NULL, 
	files TEXT NOT NULL, 
	author VARCHAR(250) NOT NULL, 
	saved_at DATETIME NOT NULL, 
	CONSTRAINT workflow_store_draft_pk PRIMARY KEY (definition_id), 
	CONSTRAINT workflow_store_draft_definition_id_fk FOREIGN KEY(definition_id) REFERENCES workflow_store_definition (id)
);
CREATE TABLE workflow_store_head (
	id INTEGER NOT NULL, 
	identity VARCHAR(32) NOT NULL, 
	release INTEGER NOT NULL, 
	CONSTRAINT workflow_store_head_pk PRIMARY KEY (id)
);
INSERT INTO "workflow_store_head" VALUES(1,'639003d27e6f48b9bdce98a08dda8500',3);
CREATE TABLE workflow_store_placement (
	definition_id INTEGER NOT NULL, 
	since INTEGER NOT NULL, 
	until INTEGER, 
	number INTEGER NOT NULL, 
	CONSTRAINT workflow_store_placement_pk PRIMARY KEY (definition_id, since), 
	CONSTRAINT workflow_store_placement_definition_id_fk FOREIGN KEY(definition_id, number) REFERENCES workflow_store_version (definition_id, number)
);
INSERT INTO "workflow_store_placement" VALUES(1,1,NULL,1);
INSERT INTO "workflow_store_placement" VALUES(2,1,NULL,1);
INSERT INTO "workflow_store_placement" VALUES(3,1,2,1);
INSERT INTO "workflow_store_placement" VALUES(3,2,3,2);
INSERT INTO "workflow_store_placement" VALUES(3,3,NULL,1);
CREATE TABLE workflow_store_release (
	number INTEGER NOT NULL, 
	author VARCHAR(250) NOT NULL, 
	message TEXT NOT NULL, 
	published_at DATETIME NOT NULL, 
	CONSTRAINT workflow_store_release_pk PRIMARY KEY (number)
);
INSERT INTO "workflow_store_release" VALUES(1,'ann','first','2026-11-22 02:56:48.232006');
INSERT INTO "workflow_store_release" VALUES(2,'bob','calls another package','2026-11-22 02:56:48.300899');
INSERT INTO "workflow_store_release" VALUES(3,'ann','back','2026-11-22 02:56:48.341574');
CREATE TABLE workflow_store_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT workflow_store_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "workflow_store_schema" VALUES('0001');
CREATE TABLE workflow_store_use (
	definition_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	CONSTRAINT workflow_store_use_pk PRIMARY KEY (definition_id, number, kind, name), 
	CONSTRAINT workflow_store_use_definition_id_fk FOREIGN KEY(definition_id, number) REFERENCES workflow_store_version (definition_id, number)
);
INSERT INTO "workflow_store_use" VALUES(3,1,'package','load');
INSERT INTO "workflow_store_use" VALUES(3,2,'package','other');
CREATE TABLE workflow_store_version (
	definition_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	author VARCHAR(250) NOT NULL, 
	message TEXT NOT NULL, 
	published_at DATETIME NOT NULL, 
	description TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	tags TEXT NOT NULL, 
	schedule TEXT NOT NULL, 
	searched TEXT NOT NULL, 
	CONSTRAINT workflow_store_version_pk PRIMARY KEY (definition_id, number), 
	CONSTRAINT workflow_store_version_definition_id_fk FOREIGN KEY(definition_id) REFERENCES workflow_store_definition (id), 
	CONSTRAINT workflow_store_version_digest_fk FOREIGN KEY(digest) REFERENCES workflow_store_content (digest)
);
INSERT INTO "workflow_store_version" VALUES(1,1,'9332aa286297d3fabc17c7595d3387a33836d5c8c18ed3ab3c59adfc599c6ebd','ann','first','2026-11-22 02:56:48.232006','','','[]','','load  ');
INSERT INTO "workflow_store_version" VALUES(2,1,'76656a97da3af6a0a132254b8c5a42cb04db062ca5239ba65c2e4b41af60f30e','ann','first','2026-11-22 02:56:48.232006','','','[]','','other  ');
INSERT INTO "workflow_store_version" VALUES(3,1,'2605acdb76b104d51b0b9bf24828b5b1a1b9feb4e66c823bdc1b2006d1338da4','ann','first','2026-11-22 02:56:48.232006','','','[]','','daily  ');
INSERT INTO "workflow_store_version" VALUES(3,2,'3a7b8bc6811715941a3895ba4768d5919f5d17f06846f40e068d484eb7bb7004','bob','calls another package','2026-11-22 02:56:48.300899','','','[]','','daily  ');
CREATE INDEX workflow_store_audit_kind_name_ix ON workflow_store_audit (kind, name);
CREATE INDEX workflow_store_placement_since_ix ON workflow_store_placement (since);
CREATE INDEX workflow_store_placement_until_ix ON workflow_store_placement (until);
CREATE INDEX workflow_store_use_kind_name_ix ON workflow_store_use (kind, name);
COMMIT;
