DELETE FROM staging;
INSERT INTO staging SELECT * FROM orders WHERE region = :region;
