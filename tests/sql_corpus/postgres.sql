CREATE TABLE orders (id serial PRIMARY KEY, day date, begin date, "end" date, amount numeric, note text);
--|
CREATE TABLE log (id serial PRIMARY KEY, what text, loop int);
--|
INSERT INTO orders (day, amount, note) VALUES ('2026-01-01', 1.5, 'a;b');
--|
INSERT INTO orders (day, amount, note) VALUES ('2026-01-02', 2, E'it\'s; fine');
--|
SELECT orders.end, begin FROM orders WHERE orders.end IS NULL ORDER BY begin;
--|
SELECT $$ ; $$, $tag$ ; $$ ; $tag$;
--|
SELECT /* nested /* ; */ ; */ 1;
--|
-- first; second
SELECT 1;
--|
SELECT '{"a": 1}'::jsonb ? 'a', '{"a": {"b": 2}}'::jsonb #>> '{a,b}', 5 #3;
--|
SELECT (ARRAY[1, 2, 3])[1:2], ARRAY['a;', 'b'];
--|
SELECT CASE WHEN amount > 1 THEN 'big' ELSE 'small' END FROM orders;
--|
SELECT sum(CASE WHEN amount > 1 THEN 1 END) FILTER (WHERE CASE WHEN true THEN true END) FROM orders;
--|
CREATE FUNCTION f1() RETURNS int AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql;
--|
CREATE OR REPLACE FUNCTION f2(x int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT x; SELECT x + 1';
--|
CREATE FUNCTION f3(x int) RETURNS int LANGUAGE sql RETURN x + CASE WHEN x > 1 THEN 1 ELSE 0 END;
--|
CREATE FUNCTION f4(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT x; END;
--|
CREATE OR REPLACE FUNCTION f5(x int) RETURNS text LANGUAGE sql
BEGIN ATOMIC
  SELECT orders.end FROM orders;
  SELECT CASE WHEN x > 1 THEN 'a;' ELSE 'b' END;
END;
--|
CREATE PROCEDURE p1(x int) LANGUAGE sql BEGIN ATOMIC INSERT INTO log (what) VALUES ('a'); INSERT INTO log (loop) VALUES (x); END;
--|
CREATE PROCEDURE p2() LANGUAGE plpgsql SET search_path TO pg_temp, public AS $body$
DECLARE n int;
BEGIN
  IF n > 1 THEN n := 2; END IF;
  LOOP EXIT; END LOOP;
END
$body$;
--|
CALL p1(1);
--|
CALL p2();
--|
DO $$ BEGIN PERFORM 1; END $$;
--|
DO LANGUAGE plpgsql $x$ DECLARE n int := 1; BEGIN CASE n WHEN 1 THEN NULL; ELSE NULL; END CASE; END $x$;
--|
CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.end = NEW.begin; RETURN NEW; END $$;
--|
CREATE TRIGGER t1 BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION changed();
--|
CREATE TRIGGER t2 AFTER UPDATE OF begin ON orders FOR EACH ROW WHEN (OLD.end IS DISTINCT FROM NEW.end) EXECUTE FUNCTION changed();
--|
CREATE TRIGGER t3 AFTER INSERT ON orders REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION changed();
--|
ALTER FUNCTION f1() COST 10;
--|
COMMENT ON FUNCTION f1() IS 'a; b';
--|
CREATE RULE r AS ON DELETE TO log DO ALSO (INSERT INTO log (what) VALUES ('gone'); INSERT INTO log (what) VALUES ('really'));
--|
CREATE VIEW v AS SELECT 1 AS "case";
--|
CREATE TYPE mood AS ENUM ('sad; very', 'ok');
--|
CREATE TYPE pair AS (a int, b int);
--|
BEGIN;
--|
DECLARE c CURSOR FOR SELECT 1;
--|
FETCH ALL FROM c;
--|
CLOSE c;
--|
DECLARE d NO SCROLL CURSOR FOR SELECT 2;
--|
END;
--|
BEGIN ISOLATION LEVEL SERIALIZABLE;
--|
COMMIT;
--|
BEGIN NOT DEFERRABLE;
--|
END WORK;
--|
START TRANSACTION READ ONLY;
--|
ROLLBACK;
--|
WITH gone AS (DELETE FROM orders WHERE id = 1 RETURNING *) SELECT count(*) FROM gone;
--|
INSERT INTO log (id, what) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET what = excluded.what || ';';
--|
CREATE TABLE IF NOT EXISTS loop (repeat int, while int, if int);
--|
MERGE INTO orders AS log USING loop ON log.id = loop.repeat WHEN MATCHED THEN UPDATE SET note = 'x' WHEN NOT MATCHED THEN DO NOTHING;
--|
SELECT repeat, while, if FROM loop;
--|
SELECT U&'\0041;', B'101', X'1F', 'a'
  'b'
  'c;';
--|
SELECT 1::numeric(10, 2) AS "a;b", 'x' AS begin;
--|
PREPARE q AS SELECT 1;
--|
EXECUTE q;
--|
DROP FUNCTION IF EXISTS nothing();
--|
SELECT 2
