CREATE TABLE orders (id INTEGER PRIMARY KEY, day TEXT, "end" TEXT, amount REAL, note TEXT);
--|
CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT, "case" TEXT);
--|
CREATE TABLE begin_end (begin TEXT, end TEXT);
--|
INSERT INTO orders (day, amount, note) VALUES ('2026-01-01', 1.5, 'a;b');
--|
INSERT INTO orders (day, amount, note) VALUES ('2026-01-02', 2, 'it''s; "fine"');
--|
INSERT INTO begin_end (begin, end) VALUES ('a', 'b');
--|
SELECT begin, end FROM begin_end WHERE end > begin;
--|
SELECT orders.end, log."case" FROM orders, log;
--|
-- a comment; with a semicolon
SELECT 1;
--|
SELECT 1 -- trailing; comment
;
--|
/* block; comment */ SELECT 2;
--|
SELECT /* ; */ 3, ';', ";" FROM (SELECT 1 AS ";");
--|
SELECT CASE WHEN amount > 1 THEN 'big' ELSE 'small' END FROM orders;
--|
SELECT CASE amount WHEN 1 THEN CASE WHEN 1 THEN 2 END ELSE 3 END AS size FROM orders ORDER BY CASE WHEN 1 THEN id END;
--|
CREATE TRIGGER t1 AFTER INSERT ON orders BEGIN INSERT INTO log (what) VALUES (NEW.end); END;
--|
CREATE TRIGGER t2 AFTER UPDATE ON orders FOR EACH ROW WHEN NEW.amount > 1
BEGIN
  UPDATE log SET "case" = NEW.end WHERE id = NEW.id;
  DELETE FROM log WHERE what = 'END; BEGIN';
END;
--|
CREATE TEMP TRIGGER t3 BEFORE DELETE ON orders
BEGIN
  SELECT CASE WHEN OLD.amount > 10 THEN RAISE(ABORT, 'too big; really') END;
END;
--|
CREATE TRIGGER IF NOT EXISTS t4 AFTER INSERT ON orders WHEN CASE WHEN NEW.id > 1 THEN 1 ELSE 0 END
BEGIN
  INSERT INTO log (what) SELECT CASE WHEN NEW.amount > 1 THEN 'x' ELSE (SELECT 'end;') END;
  INSERT INTO log (what) VALUES ('second');
END;
--|
CREATE VIEW v AS SELECT 1 AS one;
--|
CREATE TRIGGER "begin" INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
--|
CREATE TRIGGER t5 AFTER UPDATE OF end ON begin_end BEGIN UPDATE begin_end SET end = NEW.begin WHERE begin = OLD.end; END;
--|
CREATE TEMPORARY TABLE loop (x);
--|
INSERT INTO loop (x) VALUES (1), (2);
--|
SELECT x FROM loop WHERE x IN (SELECT CASE WHEN 1 THEN 1 END);
--|
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n;
--|
WITH fresh AS (SELECT 1 AS id) INSERT INTO log (what) SELECT id FROM fresh;
--|
BEGIN;
--|
COMMIT;
--|
BEGIN IMMEDIATE;
--|
END;
--|
BEGIN TRANSACTION;
--|
END TRANSACTION;
--|
SAVEPOINT s;
--|
RELEASE s;
--|
REPLACE INTO log (id, what) VALUES (1, 'x');
--|
INSERT INTO log (id, what) VALUES (1, 'y') ON CONFLICT (id) DO UPDATE SET what = excluded.what;
--|
UPDATE orders SET "end" = 'x' WHERE id = 1;
--|
DELETE FROM orders WHERE "end" = 'x';
--|
PRAGMA table_info(orders);
--|
CREATE INDEX i ON orders (day) WHERE amount > 1;
--|
EXPLAIN QUERY PLAN SELECT 1;
--|
SELECT [end], `end`, "end" FROM orders;
--|
DROP TABLE IF EXISTS missing;
--|
VACUUM;
--|
SELECT 'the last one needs no semicolon'
