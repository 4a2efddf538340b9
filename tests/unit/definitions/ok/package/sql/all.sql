-- first
SELECT 1;
SELECT :ds;
